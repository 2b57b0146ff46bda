import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError, type ConfigSource, describeConfig, loadConfig, overriddenIn, UsageAsked } from './config.ts';
import { daemonShape, natsSchema, peerSchema } from './config-pieces.ts';

const schema = z.strictObject({
  ...daemonShape('coordinator', 7441),
  nats: natsSchema,
  evaluator: peerSchema('evaluator'),
  lease: z.strictObject({ ttlMs: z.number().int().positive().default(10_000) }),
  slots: z.strictObject({ cpu: z.union([z.number().int(), z.literal('auto')]).default('auto') }),
  simulate: z.boolean().default(false),
  upstreams: z.array(z.strictObject({ name: z.string(), apiKey: z.string() })).default([]),
  dashboard: z.strictObject({ listen: z.string() }).optional(),
});

function source(
  yaml: string | undefined,
  argv: string[] = [],
  env: Record<string, string> = {},
): ConfigSource<typeof schema> {
  const file = join(mkdtempSync(join(tmpdir(), 'doubleblind-config-')), 'coordinator.yaml');
  if (yaml !== undefined) writeFileSync(file, yaml);
  return { role: 'coordinator', schema, argv, env, files: [file] };
}

const enough = 'nats: { servers: [127.0.0.1:4222] }\nevaluator: { address: 127.0.0.1:7443 }\n';

function problems(config: ConfigSource<typeof schema>): readonly string[] {
  try {
    loadConfig(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('what a weaker source says otherwise is told with its origin, and what all say alike is not', () => {
  const yaml = `${enough}tls: { key: /in/the/file.key, ca: /same.crt }\nlisten: 127.0.0.1:1\nupstreams: []\n`;
  const env = { DOUBLEBLIND_LISTEN: '127.0.0.1:2', DOUBLEBLIND_TLS_CA: '/same.crt' };
  const given = source(yaml, ['--listen', '127.0.0.1:3', '--tls-key', '/run/tls.key'], env);
  const [file] = given.files ?? [];
  const rows = new Map(describeConfig(given).map((row) => [row.key, row]));
  expect(rows.get('tls.key')).toEqual({
    ...{ key: 'tls.key', value: '"/run/tls.key"', origin: '--tls-key' },
    overridden: [{ origin: file, value: '"/in/the/file.key"' }],
  });
  expect(rows.get('listen')?.overridden).toEqual([
    { origin: file, value: '"127.0.0.1:1"' },
    { origin: 'DOUBLEBLIND_LISTEN', value: '"127.0.0.1:2"' },
  ]);
  expect(rows.get('tls.ca')).toMatchObject({ origin: 'DOUBLEBLIND_TLS_CA', overridden: [] });
  expect(overriddenIn(loadConfig(given)).map(({ key }) => key)).toEqual(['listen', 'listen', 'tls.key']);
});

test('defaults, file, environment and flags come each before the one that follows', () => {
  const yaml = `${enough}logLevel: warn\nlease: { ttlMs: 2000 }\nlisten: 127.0.0.1:1\n`;
  const env = {
    DOUBLEBLIND_LEASE_TTL_MS: '3000',
    DOUBLEBLIND_LISTEN: '127.0.0.1:2',
    DOUBLEBLIND_NATS_SERVERS: 'a:1, b:2',
  };
  const config = loadConfig(source(yaml, ['--listen', '127.0.0.1:3', '--slots-cpu=4', '--simulate'], env));
  expect(config).toMatchObject({
    listen: '127.0.0.1:3',
    logLevel: 'warn',
    lease: { ttlMs: 3000 },
    nats: { servers: ['a:1', 'b:2'] },
    slots: { cpu: 4 },
    simulate: true,
    metricsPort: 0,
    tls: { certificate: '/etc/doubleblind/pki/coordinator.crt' },
  });
  expect(config.dashboard).toBeUndefined();
  expect(Object.isFrozen(config.lease)).toBe(true);
});

test('every problem is listed at once, with its origin and the next step', () => {
  const yaml = 'nats: { servers: [nonsense] }\nleese: 1\ntls: { certifcate: x }\n';
  const found = problems(source(yaml, ['--lissten', 'x', '--lease-ttl-ms', 'soon', '--slots-cpu']));
  expect(found).toEqual([
    '--lissten is not a known flag; did you mean --listen?',
    expect.stringMatching(/coordinator\.yaml: leese is not a known key; did you mean lease\?$/),
    expect.stringMatching(/coordinator\.yaml: tls\.certifcate is not a known key; did you mean certificate\?$/),
    expect.stringMatching(/^nats\.servers\.0: is not host:port, .* \(from .*coordinator\.yaml\)$/),
    'evaluator.address is missing: set it in /etc/doubleblind/coordinator.yaml or with --evaluator-address',
    expect.stringMatching(/^lease\.ttlMs: .*number.* \(from --lease-ttl-ms\)$/),
    expect.stringMatching(/^slots\.cpu: .* \(from --slots-cpu\)$/),
  ]);
});

test('--help tells every flag, whatever else is wrong', () => {
  const asked = () => loadConfig(source('- 1', ['--lissten', '--help']));
  expect(asked).toThrow(UsageAsked);
  expect(asked).toThrow(/--lease-ttl-ms[\s\S]*--slots-cpu/);
});

test('a file that was asked for must be there and be YAML', () => {
  expect(problems(source(enough, ['--config', '/no/such/file']))[0]).toContain(
    'cannot read the configuration file /no/such/file',
  );
  expect(problems(source('a: [1\nb: 2'))[0]).toMatch(/coordinator\.yaml: .*line/);
  expect(problems(source('- 1\n- 2'))[0]).toContain('the file should be a mapping of keys');
});

test('a description names origins and hides secrets', () => {
  const yaml = `${enough}upstreams: [{ name: x, apiKey: hunter2 }]\n`;
  const rows = describeConfig(source(yaml, ['--log-level', 'debug'], { DOUBLEBLIND_METRICS_PORT: '9100' }));
  const row = (key: string) => rows.find((one) => one.key === key);
  expect(row('logLevel')).toMatchObject({ key: 'logLevel', value: '"debug"', origin: '--log-level' });
  expect(row('metricsPort')).toMatchObject({ key: 'metricsPort', value: '9100', origin: 'DOUBLEBLIND_METRICS_PORT' });
  expect(row('lease.ttlMs')?.origin).toBe('default');
  expect(row('evaluator.address')?.origin).toContain('coordinator.yaml');
  expect(JSON.stringify(rows)).not.toContain('hunter2');
});

test('a number of tokens is no secret', () => {
  const schema = z.object({ limits: z.object({ tokens: z.number() }), token: z.string() });
  const rows = describeConfig({ ...source('limits: { tokens: 9 }\ntoken: hunter2\n'), schema });
  expect(rows.map(({ key, value }) => [key, value])).toEqual([
    ['limits.tokens', '9'],
    ['token', '(redacted)'],
  ]);
});

test('a file with a wrong syntax is told as that alone: what it says may be all that is needed', () => {
  const told = problems(source(`${enough}lease: { ttlMs: 1\n`, ['--lisen', 'x']));
  expect(told.filter((line) => line.includes('is missing'))).toEqual([]);
  expect(told.some((line) => line.includes('coordinator.yaml: '))).toBe(true);
  expect(told[0]).toContain('--lisen is not a known flag');
});
