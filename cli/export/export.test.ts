// Exports as a user runs them; MLflow by a server on this machine that keeps what it is told, as the real one does.

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVerb, type Seen } from '../testing/run-verb.ts';
import { type StubCoordinator, startStubCoordinator } from '../testing/stub-coordinator.ts';
import { crc32c } from './tensorboard.ts';

interface KeptRun {
  readonly id: string;
  readonly name: string;
  readonly tags: Record<string, string>;
  readonly params: Record<string, string>;
  readonly metrics: Record<string, number>;
  status: string;
}

interface FakeMlflow {
  readonly url: string;
  readonly runs: KeptRun[];
  /** Answers everything with this status where it is set. */
  failWith: number | undefined;
  stop(): Promise<void>;
}

type Body = Record<string, never> & { readonly [name: string]: unknown };

/** The endpoints that MLflow's REST documentation names, with its limits and its refusal to change a param. */
async function startFakeMlflow(token: string): Promise<FakeMlflow> {
  const runs: KeptRun[] = [];
  const experiments = new Map<string, string>();
  const pairs = (value: unknown) => (value ?? []) as { key: string; value: never }[];
  const answer = (path: string, body: Body): [number, unknown] => {
    const run = runs.find((one) => one.id === body['run_id']);
    switch (path) {
      case 'experiments/search': {
        const name = /^name = '(.*)'$/.exec(String(body['filter']))?.[1] ?? '';
        const id = experiments.get(name);
        return [200, id === undefined ? {} : { experiments: [{ experiment_id: id, name }] }];
      }
      case 'experiments/create':
        experiments.set(String(body['name']), String(experiments.size + 1));
        return [200, { experiment_id: String(experiments.size) }];
      case 'runs/search': {
        const [, tag = '', operator, value] = /^tags\.`(.+)` (=|!=) '(.*)'$/.exec(String(body['filter'])) ?? [];
        const found = runs.filter((one) => (operator === '=' ? one.tags[tag] === value : one.tags[tag] !== undefined));
        const data = (one: KeptRun) => ({
          tags: Object.entries(one.tags).map(([key, text]) => ({ key, value: text })),
        });
        return [200, { runs: found.map((one) => ({ info: { run_id: one.id }, data: data(one) })) }];
      }
      case 'runs/create': {
        const tags = Object.fromEntries(pairs(body['tags']).map(({ key, value }) => [key, value]));
        const made = {
          id: `m${runs.length}`,
          name: String(body['run_name']),
          tags,
          params: {},
          metrics: {},
          status: 'RUNNING',
        };
        runs.push(made);
        return [200, { run: { info: { run_id: made.id } } }];
      }
      case 'runs/log-batch':
        if (run === undefined || pairs(body['metrics']).length > 1000 || pairs(body['params']).length > 100)
          return [400, {}];
        for (const { key, value } of pairs(body['params'])) {
          if (run.params[key] !== undefined && run.params[key] !== value)
            return [400, { message: `param ${key} changed` }];
          run.params[key] = value;
        }
        for (const { key, value } of pairs(body['metrics'])) run.metrics[key] = value;
        for (const { key, value } of pairs(body['tags'])) run.tags[key] = value;
        return [200, {}];
      case 'runs/update':
        if (run !== undefined) run.status = String(body['status']);
        return [200, {}];
      default:
        return [404, { message: `no ${path}` }];
    }
  };
  const fake = { runs, failWith: undefined as number | undefined };
  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += String(chunk)));
    request.on('end', () => {
      const path = (request.url ?? '').replace('/api/2.0/mlflow/', '');
      const allowed = request.headers.authorization === `Bearer ${token}`;
      const [status, body] =
        fake.failWith !== undefined
          ? [fake.failWith, { message: 'out of order' }]
          : allowed
            ? answer(path, JSON.parse(text) as Body)
            : [401, { message: 'who are you?' }];
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(fake, {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

let stub: StubCoordinator;
let mlflow: FakeMlflow;
let tokenFile: string;
beforeAll(async () => {
  [stub, mlflow] = await Promise.all([startStubCoordinator(), startFakeMlflow('sesame')]);
  tokenFile = join(stub.stateDirectory, 'token');
  writeFileSync(tokenFile, 'sesame\n');
});
afterAll(async () => {
  await stub.stop();
  await mlflow.stop();
});

function exported(...words: string[]): Promise<Seen> {
  return runVerb(['export', ...words, '--coordinator', stub.address, '--state-dir', stub.stateDirectory]);
}

function toMlflow(...words: string[]): Promise<Seen> {
  return exported('--format', 'mlflow', '--to', mlflow.url, '--token-file', tokenFile, ...words);
}

test('CSV has a header and one row a candidate, with the scores that a reader would look for', async () => {
  const { stdout, code } = await exported('r-sam');
  expect(code).toBe(0);
  const [header = '', ...rows] = stdout.trimEnd().split('\r\n');
  expect(header).toMatch(/^run_id,task,metric,lower_is_better,candidate_id,number,operator,/);
  expect(rows).toHaveLength(stub.candidates.length);
  expect(stdout.split('\n').filter((line) => line.includes(',true,'))).not.toHaveLength(0);
});

test('JSON lines have the run, then every candidate', async () => {
  const path = join(stub.stateDirectory, 'run.jsonl');
  const { stdout } = await exported('--format', 'jsonl', '--to', path);
  expect(stdout).toBe(`${path}\n`);
  const lines = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ kind: 'run', runId: 'r-sample' });
  expect(lines.slice(1)).toHaveLength(stub.candidates.length);
});

test('an event file has records that TensorBoard reads: lengths and checksums hold, and the version comes first', async () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect((await exported('--format', 'tensorboard')).code).toBe(2);
  const path = join(stub.stateDirectory, 'events.out.tfevents.1');
  expect((await exported('--format', 'tensorboard', '--to', path)).code).toBe(0);
  const bytes = readFileSync(path);
  const mask = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    expect(bytes.readUInt32LE(at + 8)).toBe(mask(crc32c(bytes.subarray(at, at + 8))));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(mask(crc32c(data)));
    records.push(data);
    at += 16 + length;
  }
  expect(records[0]?.toString('latin1')).toContain('brain.Event:2');
  const scored = stub.candidates.filter((one) => one.state === 'scored').length;
  expect(records.filter((one) => one.toString('latin1').includes('search/score'))).toHaveLength(scored);
});

test('MLflow gets a run with one nested run a candidate, and nothing twice where it is exported again', async () => {
  const seen = await toMlflow();
  expect(seen.stderr).toBe(`${stub.candidates.length} candidates added, 0 were there\n`);
  const [search, ...children] = mlflow.runs;
  expect(search).toMatchObject({
    name: 'r-sample',
    status: 'FINISHED',
    params: { task: 'digits', metric: 'log-loss' },
    tags: { 'doubleblind.run_id': 'r-sample', 'doubleblind.winner': stub.run.verdict?.winnerId },
  });
  expect(search?.metrics['best_search_score']).toBeCloseTo(stub.run.bestSearchScore, 9);
  expect(children).toHaveLength(stub.candidates.length);
  for (const child of children) expect(child.tags['mlflow.parentRunId']).toBe(search?.id);
  const failed = stub.candidates.filter((one) => one.state === 'failed').length;
  expect(children.filter((child) => child.status === 'FAILED')).toHaveLength(failed);
  expect((await toMlflow()).stderr).toBe(`0 candidates added, ${stub.candidates.length} were there\n`);
  expect(mlflow.runs).toHaveLength(1 + stub.candidates.length);
});

test('a server that refuses, fails or is away is named, and the run is not touched', async () => {
  const before = stub.requests.length;
  const denied = await exported('--format', 'mlflow', '--to', mlflow.url);
  expect(denied).toMatchObject({ code: 77, stderr: expect.stringContaining('who are you?') });
  mlflow.failWith = 500;
  expect(await toMlflow()).toMatchObject({ code: 1, stderr: expect.stringContaining('HTTP 500') });
  mlflow.failWith = undefined;
  const away = await exported('--format', 'mlflow', '--to', 'http://127.0.0.1:1');
  expect(away).toMatchObject({ code: 69, stderr: expect.stringContaining('does not answer') });
  expect((await exported('--format', 'mlflow')).code).toBe(2);
  expect(stub.requests).toHaveLength(before);
});
