import { expect, test } from 'vitest';
import { type EvaluatorSegment, renderNetworkRules } from './rules.ts';

const segment: EvaluatorSegment = {
  evaluators: ['10.0.3.2', 'fd00:3::2'],
  port: 7443,
  coordinators: ['10.0.2.2'],
  administrators: ['10.0.9.9'],
};

test('the evaluator takes the coordinator alone, and SSH of who is named; what it opens itself is refused', () => {
  const text = renderNetworkRules('evaluator', segment);
  expect(text.match(/dport .*/g)).toEqual(['dport 7443 accept', 'dport 22 accept']);
  expect(text).toContain('ip saddr { 10.0.2.2 } tcp dport 7443 accept');
  expect(text.match(/policy \w+/g)).toEqual(['policy drop', 'policy drop', 'policy drop']);
  expect(renderNetworkRules('evaluator', { ...segment, administrators: [] })).not.toContain('dport 22');
});

test('the router passes nothing by a protocol in which the coordinator has no address', () => {
  const text = renderNetworkRules('router', segment);
  expect(text).toContain('ip6 daddr { fd00:3::2 } counter drop');
  expect(text).not.toMatch(/ip6 saddr .* tcp dport/);
});

test('what is no address is refused, so that nothing else can get into the rules', () => {
  const bad = { ...segment, coordinators: ['10.0.2.2 }; flush ruleset; {'] };
  expect(() => renderNetworkRules('evaluator', bad)).toThrow('is not an IP address');
});
