import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { renderNatsServerConfig } from '../deploy/nats/server-config.ts';
import type { CompleteRequest, CompleteResponse } from '../proto/generated/doubleblind/gateway/v1.ts';
import { type Bus, connectBus } from '../shared/bus/bus.ts';
import type { Heartbeat, ResultEvent } from '../shared/bus/messages.ts';
import { startTestNats, type TestNats } from '../shared/bus/test-nats.ts';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { createLocalPki } from '../shared/pki/authority.ts';
import { createRpcClient, type RpcClient } from '../shared/rpc/client.ts';
import { RpcFault } from '../shared/rpc/fault.ts';
import { implement } from '../shared/rpc/handlers.ts';
import { type RpcServer, startRpcServer } from '../shared/rpc/server.ts';
import { tlsPathsIn } from '../shared/rpc/test-peers.ts';
import { packFiles } from '../shared/store/tree.ts';
import { configSchema } from './config.ts';
import { createFakeSandboxEngine } from './sandbox/fake-sandbox.ts';
import { type GpuAgent, startGpuAgent } from './start.ts';
import { MemoryArtifacts } from './testing/agent-rig.ts';

const directory = mkdtempSync(join(tmpdir(), 'doubleblind-daemon-'));
const pki = join(directory, 'pki');
const files = new MemoryArtifacts();
const results: ResultEvent[] = [];
const heartbeats: Heartbeat[] = [];
const asked: CompleteRequest[] = [];
const servers: RpcServer[] = [];
let nats: TestNats;
let bus: Bus;
let agent: GpuAgent;
let client: RpcClient<'doubleblind.agent.v1.AgentService'>;

const program = 'open("/out/submission.csv", "w").write("id,y\\n3,1\\n4,0\\n")\nprint("trained")\n';

/** Plays the coordinator's artifact store and the gateway. */
async function startPeers(): Promise<{ coordinator: string; gateway: string }> {
  const unimplemented = (): never => {
    throw new RpcFault('unimplemented', 'not in this test');
  };
  const store = implement('doubleblind.coordinator.v1.ArtifactService', {
    async *getArtifact({ digest }) {
      for await (const chunk of files.fetch(digest as never)) yield { chunk };
    },
    async putArtifact(requests) {
      const chunks: Buffer[] = [];
      for await (const { chunk } of requests) if (chunk !== undefined) chunks.push(chunk);
      files.add(Buffer.concat(chunks));
      return {};
    },
    async putSmallArtifacts({ artifacts }) {
      for (const { content } of artifacts) files.add(content);
      return await Promise.resolve({});
    },
  });
  const llm = implement('doubleblind.gateway.v1.LlmService', {
    complete: async (request) => await Promise.resolve(think(request)),
    openAttempt: unimplemented,
    closeAttempt: unimplemented,
    getSpend: unimplemented,
    listModels: unimplemented,
    checkModel: unimplemented,
  });
  const serve = async (
    services: Parameters<typeof startRpcServer>[0]['services'],
    role: 'coordinator' | 'llm-gateway',
  ) => {
    const server = await startRpcServer({
      listen: '127.0.0.1:0',
      tls: tlsPathsIn(pki, role),
      services,
      log: silentLogger,
    });
    servers.push(server);
    return server.address;
  };
  return { coordinator: await serve([store], 'coordinator'), gateway: await serve([llm], 'llm-gateway') };
}

function think(request: CompleteRequest): CompleteResponse {
  asked.push(request);
  const turn = Number(request.requestId.split(':').at(-1));
  const calls = [
    {
      id: 'a',
      name: 'write_file',
      argumentsJson: JSON.stringify({ path: '/work/solution/main.py', content: program }),
    },
    { id: 'b', name: 'submit', argumentsJson: JSON.stringify({ idea: 'constant', changes: 'none' }) },
  ];
  return {
    message: { role: 'ROLE_ASSISTANT', content: 'next', toolCalls: calls.slice(turn, turn + 1), toolCallId: '' },
    inputTokens: 10,
    outputTokens: 5,
    dollars: 0,
    upstream: 'test',
    model: 'offline-policy',
    finishReason: 'tool_calls',
  };
}

beforeAll(async () => {
  await createLocalPki(pki, 'host-1');
  nats = await startTestNats(tlsPathsIn(pki, 'nats'), (options) =>
    renderNatsServerConfig({ ...options, hosts: ['host-1'] }),
  );
  const peers = await startPeers();
  const tls = tlsPathsIn(pki, 'coordinator');
  bus = await connectBus({ servers: [nats.address], tls, name: 'test', log: silentLogger });
  bus.subscribeHeartbeats((heartbeat) => heartbeats.push(heartbeat));
  bus.consumeResults(async (event) => {
    results.push(event);
    await Promise.resolve();
  });
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    stateDirectory: join(directory, 'state'),
    tls: tlsPathsIn(pki, 'gpu-agent'),
    nats: { servers: [nats.address] },
    coordinator: { address: peers.coordinator },
    gateway: { address: peers.gateway },
    slots: { cpu: 1 },
    heartbeatMs: 50,
  });
  const engine = createFakeSandboxEngine({
    root: join(directory, 'sandboxes'),
    largest: { cpus: 3, memoryBytes: 2 ** 32 },
  });
  agent = await startGpuAgent(config, { log: silentLogger, clock: systemClock, engine });
  client = createRpcClient({
    service: 'doubleblind.agent.v1.AgentService',
    address: agent.address,
    tls,
    expectRole: 'gpu-agent',
    expectName: 'host-1',
  });
});

afterAll(async () => {
  client.close();
  await agent.stop();
  await bus.close();
  for (const server of servers) await server.stop(0);
  await nats.stop();
  rmSync(directory, { recursive: true, force: true });
});

function order(bundleDigest: string) {
  return {
    attempt: { runId: 'run-1', attemptId: 'attempt-1', epoch: 3 },
    slotId: 'cpu-0',
    leaseTtlMs: 30_000,
    operator: 'OPERATOR_DRAFT',
    task: {
      name: 'tiny',
      metric: 'rmse',
      lowerIsBetter: true,
      idColumn: 'id',
      predictionColumns: ['y'],
      targetColumn: 'y',
      bundleDigest,
    },
    limits: {
      executionSeconds: 20,
      toolSeconds: 10,
      trajectorySeconds: 60,
      turns: 5,
      memoryBytes: 2 ** 29,
      cpus: 1,
      diskBytes: 2 ** 26,
      pids: 64,
    },
    seed: 1,
    gatewayToken: 'token',
  } as const;
}

test('an order by gRPC becomes a result on the bus, and leaves the outbox with the receipt', async () => {
  const bundle = [{ path: 'train.csv', bytes: Buffer.from('id,y\n1,0\n'), executable: false }];
  const request = order(files.add(await packFiles(bundle)));
  const deadline = { deadlineMs: 20_000 };
  expect(await client.startAttempt(request, deadline)).toMatchObject({ alreadyKnown: false });
  expect(await client.startAttempt(request, deadline)).toMatchObject({ alreadyKnown: true });
  const stale = client.startAttempt({ ...request, attempt: { ...request.attempt, epoch: 2 } }, deadline);
  await expect(stale).rejects.toMatchObject({ code: 'failedPrecondition', reason: 'staleEpoch' });
  const kinds: string[] = [];
  for await (const { json } of client.watchTranscript({ attemptId: 'attempt-1', follow: true })) {
    kinds.push((JSON.parse(json) as { kind: string }).kind);
  }
  expect(kinds.slice(0, 2)).toEqual(['planned', 'begun']);
  expect(kinds.at(-1)).toBe('reported');
  await vi.waitFor(
    () => expect(results.map((event) => event.kind)).toEqual(['attemptStarted', 'attemptEnded']),
    10_000,
  );
  const body = results.find((event) => event.kind === 'attemptEnded')?.body;
  expect(body).not.toHaveProperty('failureReason');
  expect(Buffer.from(files.files.get(body?.artifacts.submission as never) ?? '').toString()).toBe('id,y\n3,1\n4,0\n');
  expect(asked[0]?.messages.map((message) => message.role)).toEqual(['ROLE_SYSTEM', 'ROLE_USER']);
  expect(asked[0]?.tools.map((tool) => tool.name)).toContain('submit');
  expect((await client.describeHost({}, deadline)).outboxEvents).toBe(2);
  const [first, second] = results.map((event) => event.seq);
  await client.confirmEvents({ sequences: [Number(first)] }, deadline);
  expect((await client.describeHost({}, deadline)).outboxEvents).toBe(1);
  const renewal = { attempts: [], leaseTtlMs: 60_000, confirmed: [Number(second)] };
  expect(await client.renewLeases(renewal, deadline)).toMatchObject({ unknown: [], receiptsTaken: true });
  expect(await client.describeHost({}, deadline)).toMatchObject({ host: 'host-1', outboxEvents: 0, draining: false });
});

test('what is wrong with an order is said by field, and unknown attempts by name', async () => {
  const bad = client.startAttempt({ slotId: 'cpu-0', attempt: { runId: '../x' } }, { deadlineMs: 20_000 });
  await expect(bad).rejects.toMatchObject({ code: 'invalidArgument' });
  await bad.catch((fault: RpcFault) => {
    expect(fault.violations.map((violation) => violation.field)).toContain('attempt.run_id');
  });
  const { unknown } = await client.renewLeases(
    { attempts: [{ runId: 'run-1', attemptId: 'nobody', epoch: 1 }], leaseTtlMs: 1000 },
    { deadlineMs: 20_000 },
  );
  expect(unknown).toHaveLength(1);
  const nobody = client.watchTranscript({ attemptId: 'nobody' })[Symbol.asyncIterator]().next();
  await expect(nobody).rejects.toMatchObject({ code: 'notFound' });
});

test('a host tells the largest sandbox that it allows to whoever asks and with each heartbeat', async () => {
  expect(await client.describeHost({}, { deadlineMs: 20_000 })).toMatchObject({
    ...{ largestSandboxCpus: 3, largestSandboxMemoryBytes: 2 ** 32 },
  });
  await vi.waitFor(() => expect(heartbeats.length).toBeGreaterThan(0), 5000);
  expect(heartbeats.at(-1)?.largestSandbox).toEqual({ cpus: 3, memoryBytes: 2 ** 32 });
});

test('heartbeats name the address that was really bound', async () => {
  await vi.waitFor(() => expect(heartbeats.length).toBeGreaterThan(1), 5000);
  expect(heartbeats.at(-1)).toMatchObject({ host: 'host-1', address: agent.address, slots: [{ slotId: 'cpu-0' }] });
});
