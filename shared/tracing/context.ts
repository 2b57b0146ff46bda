// Where in a trace something happens, in the form of the W3C's trace context (`traceparent`), and how it is handed from call to call.
// An attempt is one trace: its ids follow from the attempt's own, so every daemon and every restart agrees on them without
// having been told. What is carried over gRPC and NATS is which span something belongs under.

import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';

export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** The name of the header, in gRPC's metadata and in NATS. */
export const traceHeader = 'traceparent';

const ambient = new AsyncLocalStorage<SpanContext>();

/** The span that the running code belongs to; undefined where none is open. */
export function currentSpan(): SpanContext | undefined {
  return ambient.getStore();
}

/** Runs something, and all that it starts, under a span. */
export function runUnder<Value>(context: SpanContext, work: () => Value): Value {
  return ambient.run(context, work);
}

/** The root of an attempt's trace: one for each epoch, since each is an execution of its own. */
export function attemptSpan({
  runId,
  attemptId,
  epoch,
}: {
  runId: string;
  attemptId: string;
  epoch: number;
}): SpanContext {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
  return {
    traceId: hash(`${runId}/${attemptId}`).slice(0, 32),
    spanId: hash(`${runId}/${attemptId}/${epoch}`).slice(0, 16),
  };
}

export function toTraceparent({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Undefined where the text is no trace context that we take: what others send is not trusted to be one. */
export function fromTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId = '', spanId = ''] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(text ?? '') ?? [];
  return /^0*$/.test(traceId) || /^0*$/.test(spanId) ? undefined : { traceId, spanId };
}
