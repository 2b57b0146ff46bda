// A trajectory as spans by OpenTelemetry's conventions for generative AI: `invoke_agent` for the attempt, `execute_tool` for each tool
// call, and what the sandbox does besides. The model's turns are the gateway's spans; they come under ours by the call's metadata.
// Names, sizes and times only: what was thought, written or scored is in the transcript, for those who may read it.

import { attemptSpan } from '../shared/tracing/context.ts';
import type { Attributes } from '../shared/tracing/span.ts';
import { inSpan, record } from '../shared/tracing/tracer.ts';
import type { OutsideCommand } from './attempt-work.ts';
import type { TrajectoryEvent } from './core/trajectory-event.ts';
import type { Work } from './work.ts';

type Traced = Pick<Work, 'order' | 'time' | 'clock'>;

/** Performs a command under a span of the attempt's trace. The last command of an attempt ends the attempt's own span. */
export async function performTraced(
  command: OutsideCommand,
  work: Traced,
  perform: () => Promise<TrajectoryEvent>,
): Promise<TrajectoryEvent> {
  const parent = attemptSpan(work.order);
  const event = await inSpan(spanName(command), { parent, attributes: attributesOf(command) }, async (span) => {
    const outcome = await perform();
    span.set(figuresOf(outcome));
    return outcome;
  });
  if (command.kind === 'storeArtifacts') recordAttempt(work);
  return event;
}

const names: Readonly<Record<Exclude<OutsideCommand['kind'], 'runTool'>, string>> = {
  prepare: 'prepare sandbox',
  callModel: 'ask for a turn',
  takeSolution: 'take solution',
  runCleanSlate: 'run from a clean slate',
  storeArtifacts: 'store artifacts',
};

function spanName(command: OutsideCommand): string {
  return command.kind === 'runTool' ? `execute_tool ${command.request.tool}` : names[command.kind];
}

function attributesOf(command: OutsideCommand): Attributes {
  if (command.kind !== 'runTool') return {};
  return {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': command.request.tool,
    'gen_ai.tool.call.id': command.callId,
  };
}

function figuresOf(event: TrajectoryEvent): Attributes {
  if (event.kind !== 'toolEnded') return {};
  return {
    'doubleblind.tool.exit_status': event.exitStatus ?? undefined,
    'doubleblind.tool.waited_seconds': event.waitedSeconds,
    'doubleblind.tool.peak_memory_bytes': event.peakMemoryBytes,
    'doubleblind.tool.timed_out': event.timedOut,
  };
}

/** The attempt's own span, whose id its parts have named as their parent all along. */
function recordAttempt({ order, time, clock }: Traced): void {
  const endMs = clock.now().getTime();
  record({
    context: attemptSpan(order),
    parentSpanId: undefined,
    name: `invoke_agent ${order.operator}`,
    kind: 'internal',
    startMs: endMs - time.elapsedSeconds() * 1000,
    endMs,
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': order.operator,
      'gen_ai.agent.id': order.attemptId,
      'gen_ai.conversation.id': order.attemptId,
      'gen_ai.request.model': order.model === '' ? undefined : order.model,
      'doubleblind.run.id': order.runId,
      'doubleblind.attempt.epoch': order.epoch,
      'doubleblind.task': order.task.name,
    },
    error: undefined,
  });
}
