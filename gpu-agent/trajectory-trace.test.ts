// A trajectory's spans by the conventions for generative AI.

import { expect, test } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { startCollector } from '../shared/tracing/collector.test-support.ts';
import { attemptSpan } from '../shared/tracing/context.ts';
import { startTracing } from '../shared/tracing/tracer.ts';
import type { AttemptOrder } from './attempt-order.ts';
import type { OutsideCommand } from './attempt-work.ts';
import type { TrajectoryEvent } from './core/trajectory-event.ts';
import { performTraced } from './trajectory-trace.ts';

const order = {
  ...{ runId: 'r-1', attemptId: 'r-1-0001', epoch: 3, operator: 'mutate', model: 'm', task: { name: 'digits' } },
  ...{ gatewayToken: 'SECRET', guidance: 'SECRET' },
} as unknown as AttemptOrder;
const tool = {
  kind: 'runTool',
  callId: 'call-1',
  request: { tool: 'bash', command: 'SECRET' },
} as unknown as OutsideCommand;
const toolEnded = {
  ...{ kind: 'toolEnded', callId: 'call-1', tool: 'bash', exitStatus: 1, observation: 'SECRET', waitedSeconds: 0.5 },
  ...{ peakMemoryBytes: 1024, timedOut: false },
} as unknown as TrajectoryEvent;
const store = { kind: 'storeArtifacts', known: {} } as unknown as OutsideCommand;

test('an attempt is invoke_agent with execute_tool under it, and nothing that was said is in a span', async () => {
  const collector = await startCollector();
  const tracing = startTracing({ service: 'doubleblind-gpu-agent', endpoint: collector.endpoint, log: silentLogger });
  const work = { order, clock: systemClock, time: { elapsedSeconds: () => 12, exclude: () => undefined } };
  await performTraced(tool, work, async () => toolEnded);
  await performTraced(store, work, async () => ({ kind: 'stored' }) as unknown as TrajectoryEvent);
  await tracing.stop();
  await collector.stop();
  const [ran, stored, agent] = collector.spans;
  const root = attemptSpan(order);
  expect(agent).toMatchObject({ ...root, name: 'invoke_agent mutate' });
  expect(agent?.parentSpanId).toBeUndefined();
  expect(Number(agent?.endTimeUnixNano) - Number(agent?.startTimeUnixNano)).toBeCloseTo(12e9, -8);
  expect(ran).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId, name: 'execute_tool bash' });
  expect(stored).toMatchObject({ traceId: root.traceId, parentSpanId: root.spanId, name: 'store artifacts' });
  const attributes = Object.fromEntries(
    (ran?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
  );
  expect(attributes).toMatchObject({
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': 'bash',
    'gen_ai.tool.call.id': 'call-1',
  });
  expect(JSON.stringify(collector.spans)).not.toContain('SECRET');
});
