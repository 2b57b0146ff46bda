import { expect, test } from 'vitest';
import { attackRows, mergeReport, notRun } from './attack-report.ts';

function results(part: string, status: string) {
  const meta = { measured: ['|t| = 0.3', '3,000 answers'] };
  const assertionResults = [
    { title: 'answers |t| alike', status, duration: 1234, meta },
    { title: 'holds', status: 'skipped' },
  ];
  return { testResults: [{ name: `/repo/test/attacks/${part}/timing.test.ts`, assertionResults }] };
}

test('a row says what was tried, expected, measured, and how it ended', () => {
  const rows = attackRows(results('evaluator', 'failed'), '/repo/test/attacks');
  expect(rows.get('evaluator')).toEqual([
    '| evaluator/timing | answers \\|t\\| alike | **not as expected** | \\|t\\| = 0.3; 3,000 answers | 1.2 s |',
    '| evaluator/timing | holds | not run |  | 0.0 s |',
  ]);
});

test('a run replaces the section of its part and keeps the others', () => {
  const rows = (part: string, status: string) => attackRows(results(part, status), '/repo/test/attacks');
  const first = mergeReport('', rows('evaluator', 'failed'), 'here');
  const both = mergeReport(first, rows('bus', 'passed'), 'there');
  expect(both.indexOf('## bus')).toBeLessThan(both.indexOf('## evaluator'));
  expect(both.match(/\*\*not as expected\*\*/g)?.length).toBe(1);
  const again = mergeReport(both, rows('evaluator', 'passed'), 'here');
  expect(again).not.toContain('**not as expected**');
  expect(again.match(/^## /gm)?.length).toBe(2);
  expect(mergeReport(again, rows('evaluator', 'passed'), 'here')).toBe(again);
});

test('a test that was skipped is named, unless it needs what only some machines have', () => {
  const skipped = (title: string) => ({ title, status: 'skipped' });
  const assertionResults = [skipped('under gVisor no probe gets out'), skipped('no probe gets out')];
  expect(notRun({ testResults: [{ name: 'x', assertionResults }] })).toEqual(['no probe gets out']);
});
