// A real run becomes a test: trajectories that think through a real gateway against an endpoint that fails now and then are recorded,
// and played again with the endpoint gone. What the models said is the same in every byte, and so is what came of it.

import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createGatewayModel } from '../../gpu-agent/model/gateway-model.ts';
import { openRig } from '../../gpu-agent/testing/agent-rig.ts';
import { gatewayConfigSchema } from '../../llm-gateway/config.ts';
import { startGateway } from '../../llm-gateway/start.ts';
import { systemClock } from '../../shared/clock.ts';
import { attemptId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { startFaultyEndpoint } from '../llm-faults/faulty-endpoint.ts';
import { createMemoryEngine } from '../llm-faults/memory-sandbox.ts';
import { waitFor } from '../support/wait-for.ts';

const stack: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const one of stack.splice(0).reverse()) await one.disposeAsync();
});

function opened(): AsyncDisposableStack {
  const fresh = new AsyncDisposableStack();
  stack.push(fresh);
  return fresh;
}

/** What three attempts came to: every answer of the model, the program, the note, tokens and dollars. */
async function runThree(upstream: object) {
  const own = opened();
  const rig = own.adopt(await openRig(), (it) => it.remove());
  const config = gatewayConfigSchema.parse({
    listen: '127.0.0.1:0',
    stateDirectory: join(rig.directory, 'gateway'),
    tls: await testTls('llm-gateway'),
    upstreams: [upstream],
    retry: { tries: 6, baseMs: 1, capMs: 20, longestRetryAfterMs: 1000 },
  });
  const gateway = own.adopt(await startGateway(config, { log: silentLogger, clock: systemClock }), (it) => it.stop());
  const connect = async (role: 'coordinator' | 'gpu-agent') =>
    own.adopt(
      createRpcClient({
        ...{ service: 'doubleblind.gateway.v1.LlmService', address: gateway.address, tls: await testTls(role) },
        expectRole: 'llm-gateway',
      }),
      (it) => it.close(),
    );
  const coordinator = await connect('coordinator');
  const asHost = { gateway: await connect('gpu-agent'), clock: systemClock, log: silentLogger, random: Math.random };
  const agent = await rig.start(createGatewayModel({ ...asHost, patienceMs: 20_000 }), {
    engine: createMemoryEngine(1),
  });
  const outcomes: object[] = [];
  for (const seed of [1, 2, 3]) {
    const id = `attempt-${seed}`;
    const attempt = { runId: 'run-1', attemptId: id, epoch: 1 };
    const { token } = await coordinator.openAttempt({ attempt, host: 'local' }, { deadlineMs: 5000 });
    const order = rig.order({ attemptId: attemptId(id), gatewayToken: token, seed });
    agent.start({ ...order, limits: { ...order.limits, turns: 30 } });
    const end = await waitFor(`${id} to end`, () => rig.bus.ended(id)?.body);
    const said: object[] = [];
    for await (const { json } of agent.transcript(id, 0, false, new AbortController().signal) ?? []) {
      const entry = JSON.parse(json) as Record<string, unknown>;
      const { turn, content, toolCalls, inputTokens, outputTokens, finishReason, model } = entry;
      if (entry['kind'] === 'modelAnswered')
        said.push({ turn, content, toolCalls, inputTokens, outputTokens, finishReason, model });
    }
    outcomes.push({ failed: end.failureMessage, note: end.note, solution: end.artifacts.solution, said });
  }
  return outcomes as { readonly failed: unknown; readonly said: readonly object[] }[];
}

test('a run against an endpoint is played again byte for byte when the endpoint is gone', {
  timeout: 60_000,
}, async () => {
  const own = opened();
  const endpoint = await startFaultyEndpoint({
    seed: 'tape',
    faultShare: 0.15,
    thinkMs: 1,
    retryAfterMs: 2,
    lookCalls: 4,
  });
  own.defer(() => endpoint.stop());
  const place = own.adopt(await openRig(), (it) => it.remove());
  const file = join(place.directory, 'tape.jsonl');
  const model = { name: 'm', inputDollarsPerMillion: 3, outputDollarsPerMillion: 15, seed: true };
  const times = { timeoutMs: 5000, firstByteMs: 300, chunkMs: 300 };
  const live = { name: 'live', kind: 'openai', baseUrl: endpoint.baseUrl, models: [model], record: file, ...times };
  const recorded = await runThree(live);
  expect(recorded.map(({ failed }) => failed)).toEqual([undefined, undefined, undefined]);
  expect([...endpoint.failed.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  const asked = endpoint.requests;
  endpoint.stop();
  const played = await runThree({ name: 'tape', kind: 'cassette', file, strict: false });
  expect(played).toEqual(recorded);
  expect(played.map(({ said }) => said.length)).toEqual(recorded.map(({ said }) => said.length));
  expect(endpoint.requests).toBe(asked);
});
