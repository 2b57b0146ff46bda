// An independent client (buf curl) against our server, over TLS with a client certificate.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../log.ts';
import { RpcFault } from './fault.ts';
import { implement } from './handlers.ts';
import { type RpcServer, startRpcServer } from './server.ts';
import { testTls } from './test-peers.ts';

const run = promisify(execFile);
let server: RpcServer;

const run1 = {
  runId: 'r1',
  state: 'RUN_STATE_RUNNING',
  createdAt: { seconds: 1_700_000_000 },
  options: { repair: false },
} as const;
const refuse = async (): Promise<never> => {
  throw new RpcFault('failedPrecondition', 'the run is sealed', { reason: 'runSealed', metadata: { runId: 'r1' } });
};

beforeAll(async () => {
  server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: await testTls('coordinator'),
    log: silentLogger,
    services: [
      implement('doubleblind.coordinator.v1.SearchService', {
        listTasks: async () => ({ tasks: [] }),
        createRun: refuse,
        getRun: async ({ runId }) => ({ run: { ...run1, runId } }),
        listRuns: async () => ({ runs: [] }),
        watchRun: async function* () {
          for (const sequence of [1, 2]) yield { sequence, kind: 'runCreated', at: { seconds: sequence }, run: run1 };
        },
        listCandidates: refuse,
        getCandidate: refuse,
        watchTranscript: async function* () {},
        pauseRun: refuse,
        resumeRun: refuse,
        steerRun: refuse,
        extendRun: refuse,
        cancelRun: refuse,
        killRun: refuse,
        deleteRun: refuse,
        forkRun: refuse,
        releaseCandidate: refuse,
        getFinalSubmission: async function* () {},
      }),
    ],
  });
});
afterAll(() => server.stop(100));

async function buf(...words: string[]): Promise<string> {
  const { ca, certificate, key } = await testTls('operator');
  const tls = ['--cacert', ca, '--cert', certificate, '--key', key, '--protocol', 'grpc', '--servername', 'localhost'];
  const program = join(import.meta.dirname, '../../node_modules/.bin/buf');
  const { stdout } = await run(program, ['curl', ...tls, ...words], { timeout: 20_000 }).catch((error: unknown) => {
    throw new Error(`buf curl failed: ${(error as { stderr?: string }).stderr ?? String(error)}`, { cause: error });
  });
  return stdout;
}

const url = (path = ''): string => `https://${server.address}${path}`;

test('reflection lists the services of this daemon and those that every daemon has', async () => {
  for (const version of ['grpc-v1', 'grpc-v1alpha']) {
    const listed = (await buf('--list-services', '--reflect-protocol', version, url())).trim().split('\n').sort(byText);
    expect(listed).toEqual([
      'doubleblind.coordinator.v1.SearchService',
      'grpc.channelz.v1.Channelz',
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
    ]);
  }
});

test('a unary call with timestamps and optional fields works with nothing but reflection', async () => {
  const answer = JSON.parse(await buf('-d', '{"runId":"r7"}', url('/doubleblind.coordinator.v1.SearchService/GetRun')));
  expect(answer.run).toEqual({
    runId: 'r7',
    state: 'RUN_STATE_RUNNING',
    createdAt: '2023-11-14T22:13:20Z',
    options: { repair: false },
  });
});

test('a stream works with nothing but reflection', async () => {
  const answer = await buf('-d', '{"runId":"r1"}', url('/doubleblind.coordinator.v1.SearchService/WatchRun'));
  expect(answer.match(/"kind": ?"runCreated"/g)).toHaveLength(2);
});

test('a fault shows its code, sentence and details in other tools', async () => {
  const failing = buf('-d', '{"runId":"r1"}', url('/doubleblind.coordinator.v1.SearchService/PauseRun'));
  await expect(failing).rejects.toThrow(/failed_precondition[\s\S]*the run is sealed[\s\S]*google\.rpc\.ErrorInfo/);
});

test('health and channelz answer', async () => {
  const health = (service: string) => buf('-d', JSON.stringify({ service }), url('/grpc.health.v1.Health/Check'));
  expect(await health('')).toContain('SERVING');
  expect(await health('doubleblind.coordinator.v1.SearchService')).toContain('"SERVING"');
  server.setServing('doubleblind.coordinator.v1.SearchService', false);
  expect(await health('doubleblind.coordinator.v1.SearchService')).toContain('NOT_SERVING');
  expect(await buf('-d', '{}', url('/grpc.channelz.v1.Channelz/GetServers'))).toContain('"server"');
});

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}
