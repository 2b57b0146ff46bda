import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { renderNatsServerConfig } from '../deploy/nats/server-config.ts';
import { type Bus, connectBus } from '../shared/bus/bus.ts';
import { startTestNats, type TestNats } from '../shared/bus/test-nats.ts';
import { silentLogger } from '../shared/log.ts';
import { createRpcClient, type RpcClient } from '../shared/rpc/client.ts';
import {
  agentHost,
  createTestPki,
  FakeAgent,
  FakeEvaluator,
  startFakeGateway,
  type TestPki,
} from './coordinator.test-support.ts';
import { audit } from './core/audit.ts';
import { sorted } from './core/order.ts';
import { openJournal, stateHash } from './journal/journal.ts';

const deadline = { deadlineMs: 20_000 };
let pki: TestPki;
let nats: TestNats;
let bus: Bus;
let agent: FakeAgent;
let evaluator: FakeEvaluator;
let gateway: Awaited<ReturnType<typeof startFakeGateway>>;
let daemon: Daemon | undefined;

interface Daemon {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Ends the process and resolves with its exit code; null where a signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

beforeAll(async () => {
  pki = await createTestPki();
  nats = await startTestNats(pki.tls('nats'), (options) => renderNatsServerConfig({ ...options, hosts: [agentHost] }));
  const tls = pki.tls('gpu-agent');
  bus = await connectBus({ servers: [nats.address], tls, name: agentHost, log: silentLogger });
  agent = new FakeAgent(bus, tls);
  evaluator = new FakeEvaluator();
  await evaluator.start(pki.tls('evaluator'));
  gateway = await startFakeGateway(pki.tls('llm-gateway'));
  await agent.start();
});

afterAll(async () => {
  daemon?.child.kill('SIGKILL');
  await agent.stop();
  await bus.close();
  await evaluator.stop();
  await gateway.stop();
  await nats.stop();
  await pki.remove();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function startDaemon(config: string): Daemon {
  const arguments_ = [join(import.meta.dirname, 'main.ts'), '--config', config];
  const child = spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return {
    child,
    output: () => output,
    end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

/** Follows a run through every death of the coordinator, as the command line does. */
async function follow(client: RpcClient<'doubleblind.coordinator.v1.SearchService'>, runId: string, seen: number[]) {
  for (;;) {
    try {
      for await (const event of client.watchRun({ runId, afterSequence: seen.at(-1) ?? 0 })) {
        seen.push(event.sequence);
        if (event.kind === 'runSealed') return event.run;
      }
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

test('kill -9 of the coordinator in mid-run loses nothing and repeats nothing', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const stateDirectory = join(pki.directory, 'state');
  const config = join(pki.directory, 'coordinator.yaml');
  writeFileSync(
    config,
    JSON.stringify({
      listen: address,
      stateDirectory,
      tls: pki.tls('coordinator'),
      nats: { servers: [nats.address] },
      evaluator: { address: evaluator.address },
      gateway: { address: gateway.address },
    }),
  );
  agent.useCoordinator(address);
  agent.fate = () => ({ afterMs: 50 + Math.random() * 300 });
  daemon = startDaemon(config);
  const tls = pki.tls('operator');
  const service = 'doubleblind.coordinator.v1.SearchService';
  const client = createRpcClient({ service, address, tls, expectRole: 'coordinator' });
  const create = () =>
    client.createRun({ requestId: 'once', task: 'digits', options: { candidates: 24, seed: 5 } }, deadline);
  const { run } = await vi.waitFor(create, { timeout: 20_000, interval: 100 });
  const runId = run?.runId ?? '';
  const seen: number[] = [];
  const followed = follow(client, runId, seen);
  const recoveries: number[] = [];
  for (let kills = 0; kills < 4; kills += 1) {
    await vi.waitFor(() => expect(agent.ended.length).toBeGreaterThan(4 * kills), { timeout: 60_000, interval: 5 });
    expect(await daemon.end('SIGKILL')).toBeNull();
    const began = performance.now();
    daemon = startDaemon(config);
    await vi.waitFor(() => client.getRun({ runId }, deadline), { timeout: 20_000, interval: 20 });
    recoveries.push(Math.round(performance.now() - began));
  }
  const last = await followed;
  expect(last).toMatchObject({ state: 'RUN_STATE_SEALED', candidatesScored: 24 });
  expect((await create()).run?.runId).toBe(runId);
  await vi.waitFor(() => expect(agent.outbox.size).toBe(0), { timeout: 10_000 });

  // The agent's own record against the coordinator's: each execution that came to an end counts, and counts once.
  const { candidates } = await client.listCandidates({ runId }, deadline);
  const finished = agent.ended.filter(
    (event) => event.kind === 'attemptEnded' && event.body.failureReason === undefined,
  );
  const ids = finished.map((event) => event.attemptId);
  expect(new Set(ids).size).toBe(ids.length);
  const scored = candidates.filter((candidate) => candidate.state === 'CANDIDATE_STATE_SCORED');
  expect(sorted(scored.map((candidate) => candidate.candidateId))).toEqual(sorted(ids));
  expect(seen).toEqual([...new Set(seen)].sort((left, right) => left - right));
  client.close();

  expect(await daemon.end('SIGTERM')).toBe(0);
  const journal = openJournal(stateDirectory);
  const [first, second] = [journal.fold(), journal.fold()];
  expect(journal.readRun(runId, 0, 10_000).map((event) => event.sequence)).toEqual(seen);
  journal.close();
  expect(stateHash(first)).toBe(stateHash(second));
  expect(audit(first)).toEqual([]);
  console.info(`recoveries after kill -9, process start included: ${recoveries.join(', ')} ms`);
}, 120_000);

test('a wrong configuration is refused with every problem named', async () => {
  const config = join(pki.directory, 'wrong.yaml');
  writeFileSync(config, 'listen: nowhere\nleese: {}\n');
  const refused = startDaemon(config);
  const code = await new Promise((resolve) => refused.child.once('exit', resolve));
  expect(code).toBe(2);
  for (const key of ['listen', 'leese', 'evaluator.address', 'gateway.address', 'nats.servers']) {
    expect(refused.output()).toContain(key);
  }
});
