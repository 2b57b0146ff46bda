// Python's grpcio against all four daemons of a real cluster: a client that was not made for them lists every service by
// reflection, builds its messages from the descriptors that it got, and calls every method, streams of either side included.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { access } from '../../shared/rpc/access.ts';
import { descriptorSet } from '../../shared/rpc/definitions.ts';
import { methodNames } from '../../shared/rpc/descriptor-set.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';

const python = '/usr/bin/python3';
const parts = ['grpc', 'google/protobuf'].map((name) => join('/usr/lib/python3/dist-packages', name));
const missing = [python, ...parts].filter((path) => !existsSync(path));
if (missing.length > 0)
  process.stderr.write(`skipped: no ${missing.join(', ')} (apt-get install python3-grpcio python3-protobuf)\n`);

interface Call {
  readonly method: string;
  readonly requests: readonly unknown[];
  /** Answers of a stream after which the call is cancelled; all of them where left out. */
  readonly take?: number;
}

interface Result {
  readonly code: string;
  readonly message: string;
  readonly details: readonly string[];
  readonly answers: readonly Record<string, unknown>[];
}

interface Conversation {
  readonly services: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly results: readonly Result[];
}

type Daemon = keyof TestCluster['addresses'];

const daemons: Readonly<Record<Daemon, readonly string[]>> = {
  COORDINATOR: ['SearchService', 'FleetService', 'AttemptService', 'ArtifactService'].map(
    (name) => `doubleblind.coordinator.v1.${name}`,
  ),
  AGENT: ['doubleblind.agent.v1.AgentService'],
  EVALUATOR: ['doubleblind.evaluator.v1.EvaluatorService'],
  GATEWAY: ['doubleblind.gateway.v1.LlmService'],
};
const everywhere = [
  'grpc.channelz.v1.Channelz',
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

const everywhereCalls: readonly (readonly [code: string, call: Call])[] = [
  ['OK', { method: 'grpc.health.v1.Health/Check', requests: [{}] }],
  ['OK', { method: 'grpc.health.v1.Health/Watch', requests: [{}], take: 1 }],
  ['OK', { method: 'grpc.channelz.v1.Channelz/GetServers', requests: [{}] }],
];

let started: TestCluster | undefined;
const called = new Set<string>();

beforeAll(async () => {
  if (missing.length > 0) return;
  started = await startTestCluster({ slots: 2 });
  expect((await started.run('task', 'import', 'tasks/digits')).code).toBe(0);
});
afterAll(() => started?.stop());

async function converse(
  daemon: Daemon,
  calls: readonly Call[],
  { role = 'operator', reflection = 'v1' as 'v1' | 'v1alpha' } = {},
): Promise<Conversation> {
  const cluster = present(started, 'the cluster');
  const pki = join(cluster.stateDirectory, 'pki');
  const input = {
    address: cluster.addresses[daemon],
    ca: join(pki, 'ca.crt'),
    certificate: join(pki, `${role}.crt`),
    key: join(pki, `${role}.key`),
    reflection,
    calls,
  };
  const asked = promisify(execFile)(python, ['test/support/grpc_client.py'], { maxBuffer: 64 * 2 ** 20 });
  asked.child.stdin?.end(JSON.stringify(input));
  const { stdout } = await asked;
  for (const { method } of calls) called.add(method);
  return JSON.parse(stdout);
}

/** What the operator may not do is tried with an empty message: the refusal comes before anything reads it. */
function refusedCalls(daemon: Daemon): Call[] {
  return daemons[daemon].flatMap((service) =>
    Object.entries(access)
      .filter(([method, roles]) => method.startsWith(`${service}/`) && !roles.includes('operator'))
      .map(([method]) => ({ method, requests: [{}] })),
  );
}

const text = (value: string): string => Buffer.from(value).toString('base64');
const digest = (value: string): string => createHash('sha256').update(value).digest('hex');

const skipped = missing.length > 0;

test.skipIf(skipped)('reflection of either version tells the services and methods of every daemon', async () => {
  for (const daemon of Object.keys(daemons) as Daemon[]) {
    const [old, current] = [await converse(daemon, [], { reflection: 'v1alpha' }), await converse(daemon, [])];
    expect(new Set(Object.keys(current.services))).toEqual(new Set([...daemons[daemon], ...everywhere]));
    expect(old.services).toEqual(current.services);
    const methods = Object.entries(current.services).flatMap(([service, members]) =>
      Object.keys(members).map((name) => `${service}/${name}`),
    );
    const ours = methodNames(descriptorSet()).filter((name) =>
      daemons[daemon].some((service) => name.startsWith(`${service}/`)),
    );
    expect(methods).toEqual(expect.arrayContaining(ours));
  }
});

test.skipIf(skipped)('every method of the coordinator answers, and its streams come to their end', async () => {
  const search = 'doubleblind.coordinator.v1.SearchService';
  const create = {
    method: `${search}/CreateRun`,
    requests: [{ requestId: 'grpcio-1', task: 'digits', options: { candidates: 1, seed: 7 } }],
  };
  const made = await converse('COORDINATOR', [create, create]);
  const runIds = made.results.map(({ answers }) => (answers[0]?.['run'] as { runId: string } | undefined)?.runId);
  const [runId = ''] = runIds;
  expect(runIds, 'the same request id is the same run').toEqual([runId, runId]);

  const watched = await converse('COORDINATOR', [{ method: `${search}/WatchRun`, requests: [{ runId }] }]);
  expect(watched.results).toMatchObject([{ code: 'OK', message: '' }]);
  const events = watched.results[0]?.answers ?? [];
  expect(events.at(-1)).toMatchObject({ run: { state: 'RUN_STATE_SEALED' } });
  const candidateId = `${runId}-0001`;
  // The loader of Python writes 64-bit numbers as text, as JSON of protobuf does.
  const half = String(events[Math.floor(events.length / 2)]?.['sequence']);

  const fleet = 'doubleblind.coordinator.v1.FleetService';
  const artifacts = 'doubleblind.coordinator.v1.ArtifactService';
  const expected: readonly (readonly [code: string, call: Call])[] = [
    ['OK', { method: `${search}/WatchRun`, requests: [{ runId, afterSequence: half }] }],
    ['OK', { method: `${search}/WatchTranscript`, requests: [{ candidateId }] }],
    ['OK', { method: `${search}/WatchTranscript`, requests: [{ candidateId, fromEntry: 1 }], take: 1 }],
    ['OK', { method: `${search}/GetFinalSubmission`, requests: [{ runId }] }],
    ['OK', { method: `${search}/ListTasks`, requests: [{}] }],
    ['OK', { method: `${search}/ListRuns`, requests: [{ pageSize: 1 }] }],
    ['OK', { method: `${search}/GetRun`, requests: [{ runId }] }],
    ['OK', { method: `${search}/ListCandidates`, requests: [{ runId, pageSize: 1 }] }],
    ['OK', { method: `${search}/GetCandidate`, requests: [{ candidateId }] }],
    // What an ended run refuses is a refusal with its reason, never an error of the machinery; to end it again changes nothing.
    ['FAILED_PRECONDITION', { method: `${search}/PauseRun`, requests: [{ runId }] }],
    ['FAILED_PRECONDITION', { method: `${search}/ResumeRun`, requests: [{ runId }] }],
    ['FAILED_PRECONDITION', { method: `${search}/SteerRun`, requests: [{ runId, guidance: 'trees' }] }],
    ['FAILED_PRECONDITION', { method: `${search}/ExtendRun`, requests: [{ runId, candidates: 2 }] }],
    ['OK', { method: `${search}/CancelRun`, requests: [{ runId }] }],
    ['OK', { method: `${search}/KillRun`, requests: [{ runId }] }],
    ['FAILED_PRECONDITION', { method: `${search}/ReleaseCandidate`, requests: [{ candidateId, reason: 'a try' }] }],
    ['INVALID_ARGUMENT', { method: `${search}/ForkRun`, requests: [{}] }],
    ['INVALID_ARGUMENT', { method: `${search}/CreateRun`, requests: [{}] }],
    ['OK', { method: `${fleet}/ListHosts`, requests: [{}] }],
    ['OK', { method: `${fleet}/CordonHost`, requests: [{ host: 'local', reason: 'a try' }] }],
    ['OK', { method: `${fleet}/UncordonHost`, requests: [{ host: 'local' }] }],
    ['NOT_FOUND', { method: `${fleet}/DrainHost`, requests: [{ host: 'nowhere', reason: 'a try' }] }],
    ['NOT_FOUND', { method: `${artifacts}/GetArtifact`, requests: [{ digest: '0'.repeat(64) }] }],
    ['OK', { method: `${search}/DeleteRun`, requests: [{ runId }] }],
    ...everywhereCalls,
    ...refusedCalls('COORDINATOR').map((call) => ['PERMISSION_DENIED', call] as const),
  ];
  const { results } = await converse(
    'COORDINATOR',
    expected.map(([, call]) => call),
    { reflection: 'v1alpha' },
  );
  const told = results.map(({ code, message }, index) => [code, expected[index]?.[1].method, message]);
  expect(told).toEqual(expected.map(([code, { method }]) => [code, method, expect.anything()]));
  for (const [index, { code, details }] of results.entries())
    if (code !== 'OK') expect(details, expected[index]?.[1].method).toContain('google.rpc.ErrorInfo');
  const resumed = results[0]?.answers.map(({ sequence }) => sequence);
  expect(resumed).toEqual(events.map(({ sequence }) => sequence).filter((one) => Number(one) > Number(half)));
  expect(results[2]?.answers).toMatchObject([{ entry: 1 }]);
});

test.skipIf(skipped)('agent, evaluator and gateway answer an operator, and refuse what is not his', async () => {
  const expected: Readonly<Record<Exclude<Daemon, 'COORDINATOR'>, readonly (readonly [string, Call])[]>> = {
    AGENT: [
      ['OK', { method: 'doubleblind.agent.v1.AgentService/DescribeHost', requests: [{}] }],
      ['NOT_FOUND', { method: 'doubleblind.agent.v1.AgentService/WatchTranscript', requests: [{ attemptId: 'no' }] }],
    ],
    EVALUATOR: [
      ['OK', { method: 'doubleblind.evaluator.v1.EvaluatorService/ListTasks', requests: [{}] }],
      ['OK', { method: 'doubleblind.evaluator.v1.EvaluatorService/DescribeTask', requests: [{ name: 'digits' }] }],
      ['OK', { method: 'doubleblind.evaluator.v1.EvaluatorService/ListLedger', requests: [{ pageSize: 2 }] }],
    ],
    GATEWAY: [
      ['OK', { method: 'doubleblind.gateway.v1.LlmService/ListModels', requests: [{}] }],
      ['OK', { method: 'doubleblind.gateway.v1.LlmService/GetSpend', requests: [{}] }],
      ['OK', { method: 'doubleblind.gateway.v1.LlmService/CheckModel', requests: [{}] }],
    ],
  };
  for (const daemon of ['AGENT', 'EVALUATOR', 'GATEWAY'] as const) {
    const wanted = [
      ...expected[daemon],
      ...refusedCalls(daemon).map((call) => ['PERMISSION_DENIED', call] as const),
      ...everywhereCalls,
    ] as const;
    const { results } = await converse(
      daemon,
      wanted.map(([, call]) => call),
    );
    expect(results.map(({ code, message }, index) => [code, wanted[index]?.[1].method, message])).toEqual(
      wanted.map(([code, { method }]) => [code, method, expect.anything()]),
    );
  }
});

test.skipIf(skipped)(
  'a stream of the client arrives whole, with the certificates of those that may send one',
  async () => {
    const content = 'a solution of one line\n';
    const put = {
      method: 'doubleblind.coordinator.v1.ArtifactService/PutArtifact',
      requests: [
        { header: { digest: digest(content), sizeBytes: content.length } },
        { chunk: text(content.slice(0, 5)) },
        { chunk: text(content.slice(5)) },
      ],
    };
    const get = {
      method: 'doubleblind.coordinator.v1.ArtifactService/GetArtifact',
      requests: [{ digest: digest(content) }],
    };
    // A host may store what its attempts come to, and it holds none here.
    const artifact = await converse('COORDINATOR', [put, get], { role: 'gpu-agent' });
    expect(artifact.results.map(({ code }) => code)).toEqual(['PERMISSION_DENIED', 'NOT_FOUND']);
    expect(artifact.results[0]?.message).toContain('holds no attempt');

    const submission = 'id,label\n1,2\n';
    const evaluate = {
      method: 'doubleblind.evaluator.v1.EvaluatorService/Evaluate',
      requests: [
        {
          header: {
            candidate: { runId: 'grpcio', attemptId: 'grpcio-0001', epoch: 1 },
            task: 'digits',
            submissionDigest: digest(submission),
            submissionBytes: submission.length,
          },
        },
        { chunk: text(submission) },
      ],
    };
    const bundle = {
      method: 'doubleblind.evaluator.v1.EvaluatorService/GetBundle',
      requests: [{ name: 'digits' }],
      take: 1,
    };
    const evaluation = await converse('EVALUATOR', [evaluate, bundle], { role: 'coordinator' });
    expect(evaluation.results).toMatchObject([
      { code: 'OK', answers: [{ refusal: { error: 'SUBMISSION_ERROR_WRONG_COLUMNS' } }] },
      { code: 'OK', answers: [{ chunk: expect.any(String) }] },
    ]);
  },
);

test.skipIf(skipped)('no method was left out', () => {
  expect(methodNames(descriptorSet()).filter((name) => !called.has(name))).toEqual([]);
});
