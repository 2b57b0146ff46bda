import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runVerb } from '../testing/run-verb.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-network-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('the rules hold the address that the configuration of the coordinator has, and of a name its addresses', async () => {
  const config = join(directory, 'coordinator.yaml');
  writeFileSync(config, 'evaluator: { address: "10.0.3.2:7999" }\n');
  const words = ['config', 'network', 'router', '--config', config, '--coordinator', 'localhost'];
  const { stdout, code } = await runVerb(words);
  expect(code).toBe(0);
  expect(stdout).toContain('ip saddr { 127.0.0.1 } ip daddr { 10.0.3.2 } tcp dport 7999 accept');
});

test('on the evaluator its own configuration tells the port', async () => {
  const config = join(directory, 'evaluator.yaml');
  writeFileSync(config, 'listen: 0.0.0.0:7998\n');
  const { stdout } = await runVerb(['config', 'network', 'evaluator', '--config', config, '--coordinator', '10.0.2.2']);
  expect(stdout).toContain('ip saddr { 10.0.2.2 } tcp dport 7998 accept');
});

test.each([
  [['router', '--evaluator', '10.0.3.2:7443'], 'The rules for router name who may pass.', '--coordinator ADDRESS'],
  [['host', '--evaluator', '10.0.3.2'], '10.0.3.2 is not address:port.', '--evaluator 10.0.3.2:7443'],
  [['host', '--evaluator', '0.0.0.0:7443'], 'is where it listens', '--evaluator ADDRESS:PORT'],
  [['host', '--config', '/nowhere.yaml'], 'There is no /nowhere.yaml.', '--evaluator ADDRESS:PORT'],
  [['host', '--evaluator', 'nobody.invalid:7443'], 'nobody.invalid is no address', 'Give its IP address.'],
])('%j is refused with the next step', async (words, message, next) => {
  const { code, stderr, stdout } = await runVerb(['config', 'network', ...words]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr).toContain(next);
  expect(stdout).toBe('');
});
