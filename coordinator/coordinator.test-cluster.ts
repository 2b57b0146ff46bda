// A coordinator with one made-up agent, evaluator and gateway round it, over real gRPC: for tests of what they come to.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { createRpcClient, type RpcClient } from '../shared/rpc/client.ts';
import type { CoordinatorConfig } from './config.ts';
import { configSchema } from './config.ts';
import { FakeAgent, FakeEvaluator, MemoryBus, startFakeGateway, type TestPki } from './coordinator.test-support.ts';
import { type Coordinator, startCoordinator } from './coordinator.ts';
import { openJournal, stateHash } from './journal/journal.ts';

export const deadline = { deadlineMs: 20_000 };
export const leaseTtlMs = 1500;

export interface Cluster {
  readonly agent: FakeAgent;
  readonly evaluator: FakeEvaluator;
  readonly config: CoordinatorConfig;
  coordinator(): Coordinator;
  client(): RpcClient<'doubleblind.coordinator.v1.SearchService'>;
  fleetClient(): RpcClient<'doubleblind.coordinator.v1.FleetService'>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

let clusters = 0;

/** Starts one; the caller stops it. */
export async function startCluster(pki: TestPki, settings: Record<string, unknown> = {}): Promise<Cluster> {
  clusters += 1;
  const stateDirectory = join(pki.directory, `state-${clusters}`);
  mkdirSync(stateDirectory);
  const bus = new MemoryBus();
  const agent = new FakeAgent(bus, pki.tls('gpu-agent'));
  const evaluator = new FakeEvaluator();
  await evaluator.start(pki.tls('evaluator'));
  const gateway = await startFakeGateway(pki.tls('llm-gateway'));
  await agent.start();
  const config = configSchema.parse({
    listen: '127.0.0.1:0',
    stateDirectory,
    tls: pki.tls('coordinator'),
    nats: { servers: ['127.0.0.1:1'] },
    evaluator: { address: evaluator.address },
    gateway: { address: gateway.address },
    dashboard: {},
    lease: { ttlMs: leaseTtlMs },
    limits: {},
    ...settings,
  });
  const open = async (): Promise<Coordinator> => {
    const started = await startCoordinator(config, {
      log: silentLogger,
      clock: systemClock,
      openBus: () => bus.open(),
    });
    agent.useCoordinator(started.address);
    return started;
  };
  const options = () => ({ address: running.address, tls: pki.tls('operator'), expectRole: 'coordinator' as const });
  const connect = () => createRpcClient({ service: 'doubleblind.coordinator.v1.SearchService', ...options() });
  const connectFleet = () => createRpcClient({ service: 'doubleblind.coordinator.v1.FleetService', ...options() });
  let running = await open();
  let client = connect();
  let fleetClient = connectFleet();
  const closeClients = (): void => {
    client.close();
    fleetClient.close();
  };
  const made: Cluster = {
    agent,
    evaluator,
    config,
    coordinator: () => running,
    client: () => client,
    fleetClient: () => fleetClient,
    async restart() {
      closeClients();
      await running.stop();
      // What the old one knew last is exactly what the next one will read.
      const journal = openJournal(stateDirectory);
      expect(stateHash(journal.fold())).toBe(running.stateHash());
      journal.close();
      running = await open();
      client = connect();
      fleetClient = connectFleet();
    },
    async stop() {
      closeClients();
      await agent.stop();
      await running.stop();
      await evaluator.stop();
      await gateway.stop();
    },
  };
  return made;
}

export async function createRun(
  { client }: Cluster,
  options: Record<string, unknown> = {},
  requestId = 'request',
): Promise<string> {
  const { run } = await client().createRun({ requestId, task: 'digits', options }, deadline);
  return run?.runId ?? '';
}

export async function sealed({ client }: Cluster, runId: string) {
  return await vi.waitFor(
    async () => {
      const { run } = await client().getRun({ runId }, deadline);
      expect(run?.state).toBe('RUN_STATE_SEALED');
      return run;
    },
    { timeout: 20_000, interval: 50 },
  );
}
