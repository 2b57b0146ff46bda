// What belongs to a span at the caller belongs to it in the handler.

import { expect, test } from 'vitest';
import { silentLogger } from '../log.ts';
import { attemptSpan, currentSpan, runUnder } from '../tracing/context.ts';
import { createRpcClient } from './client.ts';
import { RpcFault } from './fault.ts';
import { implement } from './handlers.ts';
import { startRpcServer } from './server.ts';
import { testTls } from './test-peers.ts';

test('the span of a caller is carried into the handler, streams included, and a caller without one brings none', async () => {
  const seen: (string | undefined)[] = [];
  const notHere = () => Promise.reject(new RpcFault('unimplemented', 'not in this test'));
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: await testTls('gpu-agent'),
    services: [
      implement('doubleblind.agent.v1.AgentService', {
        ...{ startAttempt: notHere, cancelAttempt: notHere, renewLeases: notHere, confirmEvents: notHere },
        describeHost: async () => {
          seen.push(currentSpan()?.traceId);
          return { host: 'h', attempts: [] };
        },
        watchTranscript: async function* () {
          seen.push(currentSpan()?.traceId);
          yield { entry: 1, json: '{}' };
        },
      }),
    ],
    log: silentLogger,
  });
  const client = createRpcClient({
    service: 'doubleblind.agent.v1.AgentService',
    address: server.address,
    tls: await testTls('coordinator'),
    expectRole: 'gpu-agent',
  });
  const span = attemptSpan({ runId: 'r', attemptId: 'a', epoch: 1 });
  await runUnder(span, async () => {
    await client.describeHost({}, { deadlineMs: 20_000 });
    for await (const { entry } of client.watchTranscript({})) expect(entry).toBe(1);
  });
  await client.describeHost({}, { deadlineMs: 20_000 });
  expect(seen).toEqual([span.traceId, span.traceId, undefined]);
  client.close();
  await server.stop(100);
});
