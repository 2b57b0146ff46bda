import { expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../shared/daemon/config.ts';
import { configSchema } from './config.ts';

const needed = ['--nats-servers', 'n:1', '--coordinator-address', 'c:1', '--gateway-address', 'g:1'];
const load = (...flags: string[]) =>
  loadConfig({ role: 'gpu-agent', schema: configSchema, argv: [...needed, ...flags], env: {}, files: [] }).packages;

test('no packages are offered unless an operator names an index', () => {
  expect(load()).toMatchObject({ mode: 'none', wheels: '', index: '' });
  expect(load('--packages-mode', 'mirror', '--packages-wheels', '/srv/wheels').wheels).toBe('/srv/wheels');
  const index = ['--packages-index', 'https://index.example/simple', '--packages-allow', 'a,b'];
  expect(load('--packages-mode', 'mirror', ...index).allow).toEqual(['a', 'b']);
});

test.each([
  ['an index that is switched off', ['--packages-wheels', '/srv/wheels'], 'packages.mode is missing'],
  ['a mirror without an index', ['--packages-mode', 'mirror'], 'needs either wheels or index'],
  [
    'an index without a list',
    ['--packages-mode', 'mirror', '--packages-index', 'https://i.example'],
    'packages.allow is missing',
  ],
  [
    'a key in an address',
    ['--packages-mode', 'mirror', '--packages-index', 'https://u:p@i.example', '--packages-allow', 'a'],
    'credentials',
  ],
  [
    'credentials without an index',
    ['--packages-mode', 'mirror', '--packages-wheels', '/w', '--packages-credentials-file', '/etc/c'],
    'is for an index',
  ],
  [
    'no name',
    ['--packages-mode', 'mirror', '--packages-index', 'https://i.example', '--packages-allow', '../a'],
    'not the name',
  ],
])('%s is refused in words', (_what, flags, words) => {
  expect(() => load(...flags)).toThrow(ConfigError);
  expect(() => load(...flags)).toThrow(words);
});
