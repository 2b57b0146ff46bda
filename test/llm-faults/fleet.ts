// A fleet for the test of model faults: real agents' attempts over sandboxes without processes, thinking through a real gateway over
// gRPC and HTTP. Time is scaled: one second of a real run takes `scaleMs`.

import { join } from 'node:path';
import { createGatewayModel } from '../../gpu-agent/model/gateway-model.ts';
import type { Model } from '../../gpu-agent/model/model.ts';
import { openRig, type Rig } from '../../gpu-agent/testing/agent-rig.ts';
import { gatewayConfigSchema } from '../../llm-gateway/config.ts';
import { startGateway } from '../../llm-gateway/start.ts';
import { systemClock } from '../../shared/clock.ts';
import { attemptId, slotId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { waitFor } from '../support/wait-for.ts';
import { startFaultyEndpoint } from './faulty-endpoint.ts';
import { createMemoryEngine } from './memory-sandbox.ts';

export interface FleetOptions {
  readonly faultShare: number;
  readonly seed: string;
  /** Attempts in all, and at the same time. */
  readonly attempts: number;
  readonly lanes: number;
  readonly scaleMs: number;
}

export interface FleetResult {
  readonly seconds: number;
  readonly lost: readonly string[];
  /** How long each attempt took, and each answered turn with all of its tries, in seconds. */
  readonly attemptSeconds: readonly number[];
  readonly turnSeconds: readonly number[];
  readonly dollars: number;
  /** What the endpoint would charge at the same prices. */
  readonly billedDollars: number;
  readonly turns: number;
  readonly failed: ReadonlyMap<string, number>;
}

/** Looking seldom would make every attempt look slower than it is; a busy machine makes it so. */
const often = { everyMs: 5, timeoutMs: 300_000 };

/** A turn of a model with its thinking, and a tool call that trains something small, in seconds of a real run. */
const thinkSeconds = 8;
const toolSeconds = 20;
const retryAfterSeconds = 5;
const lookCalls = 6;
/** Dollars per million tokens. */
const price = { inputDollarsPerMillion: 3, outputDollarsPerMillion: 15 };

export async function runFleet(options: FleetOptions): Promise<FleetResult> {
  const scaled = (seconds: number): number => Math.max(1, Math.round(seconds * options.scaleMs));
  const stack = new AsyncDisposableStack();
  try {
    const rig = stack.adopt(await openRig(), (it) => it.remove());
    const endpoint = stack.adopt(
      await startFaultyEndpoint({
        seed: options.seed,
        faultShare: options.faultShare,
        thinkMs: scaled(thinkSeconds),
        retryAfterMs: scaled(retryAfterSeconds),
        lookCalls,
      }),
      (it) => it.stop(),
    );
    const gateway = stack.adopt(
      await startGateway(await gatewayConfig(rig, endpoint.baseUrl, scaled), { log: silentLogger, clock: systemClock }),
      (it) => it.stop(),
    );
    const [coordinator, host] = await Promise.all([clientOf('coordinator', gateway), clientOf('gpu-agent', gateway)]);
    stack.defer(() => coordinator.close());
    stack.defer(() => host.close());
    const lost = await runAttempts(rig, coordinator, host, options, scaled(toolSeconds));
    const dollars = await dollarsOf(coordinator, 'run-1');
    const { inputTokens, outputTokens } = endpoint.bill;
    return {
      ...lost,
      dollars,
      billedDollars:
        (inputTokens * price.inputDollarsPerMillion + outputTokens * price.outputDollarsPerMillion) / 1_000_000,
      turns: endpoint.requests,
      failed: endpoint.failed,
    };
  } finally {
    await stack.disposeAsync();
  }
}

/** The gateway's own defaults, in scaled time. */
async function gatewayConfig(rig: Rig, baseUrl: string, scaled: (seconds: number) => number) {
  const model = { name: 'm', ...price, seed: true };
  const times = { timeoutMs: scaled(300), firstByteMs: scaled(60), chunkMs: scaled(30) };
  return gatewayConfigSchema.parse({
    listen: '127.0.0.1:0',
    stateDirectory: join(rig.directory, 'gateway'),
    tls: await testTls('llm-gateway'),
    upstreams: [{ name: 'faulty', kind: 'openai', baseUrl, models: [model], concurrency: 64, ...times }],
    retry: { tries: 6, baseMs: scaled(0.5), capMs: scaled(20), longestRetryAfterMs: scaled(120) },
    breaker: { failures: 8, coolDownMs: scaled(30) },
  });
}

type GatewayClient = RpcClient<'doubleblind.gateway.v1.LlmService'>;

async function clientOf(role: 'coordinator' | 'gpu-agent', { address }: { address: string }): Promise<GatewayClient> {
  const tls = await testTls(role);
  return createRpcClient({ service: 'doubleblind.gateway.v1.LlmService', address, tls, expectRole: 'llm-gateway' });
}

/** What the gateway has charged a run, all pages. */
async function dollarsOf(gateway: GatewayClient, runId: string): Promise<number> {
  let [dollars, pageToken] = [0, ''];
  do {
    const { rows, nextPageToken } = await gateway.getSpend({ runId, pageToken }, { deadlineMs: 5000 });
    for (const row of rows) dollars += row.dollars;
    pageToken = nextPageToken;
  } while (pageToken !== '');
  return dollars;
}

async function runAttempts(
  rig: Rig,
  coordinator: GatewayClient,
  gateway: GatewayClient,
  { attempts, lanes }: FleetOptions,
  toolMs: number,
): Promise<Pick<FleetResult, 'seconds' | 'lost' | 'attemptSeconds' | 'turnSeconds'>> {
  const turnSeconds: number[] = [];
  const attemptSeconds: number[] = [];
  const model = timed(turnSeconds, {
    gateway,
    clock: systemClock,
    log: silentLogger,
    random: Math.random,
    patienceMs: 60_000,
  });
  const agent = await rig.start(model, { engine: createMemoryEngine(toolMs), trajectoriesPerSlot: 1, slots: lanes });
  const lost: string[] = [];
  let next = 0;
  const lane = async (index: number): Promise<void> => {
    while (next < attempts) {
      next += 1;
      const id = `attempt-${next}`;
      const attempt = { runId: 'run-1', attemptId: id, epoch: 1 };
      const seed = next;
      const { token } = await coordinator.openAttempt({ attempt, host: 'local' }, { deadlineMs: 5000 });
      const order = rig.order({ attemptId: attemptId(id), slotId: slotId(`cpu-${index}`), gatewayToken: token, seed });
      // Nobody renews leases here, and on a busy machine an attempt may take longer than any usual one.
      const leaseTtlMs = 3_600_000;
      const limits = { ...order.limits, turns: 30, trajectorySeconds: 3600 };
      await waitFor(`${id} to be accepted`, () => accepted(() => agent.start({ ...order, leaseTtlMs, limits })), often);
      const startedMs = performance.now();
      const end = await waitFor(`${id} to end`, () => rig.bus.ended(id)?.body, often);
      attemptSeconds.push((performance.now() - startedMs) / 1000);
      if (end.failureReason !== undefined) lost.push(`${id}: ${end.failureReason}: ${end.failureMessage ?? ''}`);
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
  const seconds = (performance.now() - begun) / 1000;
  return { seconds, lost, attemptSeconds, turnSeconds };
}

/** The gateway's model, with the time of every turn that was answered written down. */
function timed(turnSeconds: number[], options: Parameters<typeof createGatewayModel>[0]): Model {
  const model = createGatewayModel(options);
  return {
    async complete(request, how) {
      const startedMs = performance.now();
      const reply = await model.complete(request, how);
      if (reply.kind === 'answered') turnSeconds.push((performance.now() - startedMs) / 1000);
      return reply;
    },
  };
}

/** The slot is free a moment after the end of its last attempt is told. */
function accepted(start: () => unknown): boolean {
  try {
    start();
    return true;
  } catch (error) {
    if (error instanceof RpcFault && error.code === 'resourceExhausted') return false;
    throw error;
  }
}
