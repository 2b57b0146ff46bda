// Spans of one daemon, sent to an OpenTelemetry collector where one is configured (OTLP over HTTP, as JSON). One process is one
// daemon, so there is one tracer, as in OpenTelemetry's own API; without an endpoint it does nothing and costs nothing.
// Invariants: 1. tracing never fails, delays or changes what is traced; 2. what is not taken is dropped beyond a bound;
// 3. no prompt, answer, code, key or score is an attribute.

import { randomBytes } from 'node:crypto';
import { type Logger, messageChain } from '../log.ts';
import { currentSpan, runUnder, type SpanContext } from './context.ts';
import { encodeSpans } from './otlp.ts';
import type { Attributes, FinishedSpan, SpanKind } from './span.ts';

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** Under this span instead of the one that is open. */
  readonly parent?: SpanContext | undefined;
}

/** What work under a span may add to it. */
export interface OpenSpan {
  set(attributes: Attributes): void;
}

export interface TracingOptions {
  /** Such as `doubleblind-coordinator`. */
  readonly service: string;
  /** Base URL of the collector, without `/v1/traces`. */
  readonly endpoint: string;
  readonly log: Logger;
}

export interface Tracing {
  /** Sends what waits, within a bound, and ends. */
  stop(): Promise<void>;
}

/** A collector that takes nothing for minutes costs this much memory, a few megabytes, and no more. */
const mostWaiting = 4096;
const mostAtOnce = 512;
const everyMs = 2000;
const sendTimeoutMs = 5000;

interface Sender extends TracingOptions {
  readonly waiting: FinishedSpan[];
  refused: boolean;
  dropped: number;
}

let sender: Sender | undefined;

/** Starts sending the spans of this process. */
export function startTracing(options: TracingOptions): Tracing {
  const own: Sender = { ...options, waiting: [], refused: false, dropped: 0 };
  sender = own;
  const timer = setInterval(() => void flush(own), everyMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      if (sender === own) sender = undefined;
      await flush(own);
    },
  };
}

const silent: OpenSpan = { set: () => undefined };

/** Runs the work as a span; what it throws is told by the span and thrown on. */
export async function inSpan<Value>(
  name: string,
  { kind = 'internal', attributes = {}, parent = currentSpan() }: SpanOptions,
  work: (span: OpenSpan) => Promise<Value>,
): Promise<Value> {
  if (sender === undefined)
    return parent === undefined ? await work(silent) : await runUnder(parent, () => work(silent));
  const context = {
    traceId: parent?.traceId ?? randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
  };
  const startMs = Date.now();
  let all = attributes;
  const span: OpenSpan = {
    set: (more) => {
      all = { ...all, ...more };
    },
  };
  const end = (error?: string): void =>
    record({ context, parentSpanId: parent?.spanId, name, kind, startMs, endMs: Date.now(), attributes: all, error });
  try {
    const value = await runUnder(context, () => work(span));
    end();
    return value;
  } catch (error) {
    all = { ...all, 'error.type': error instanceof Error ? error.name : 'unknown' };
    end(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** A span that has ended already. */
export function record(span: FinishedSpan): void {
  if (sender === undefined) return;
  sender.waiting.push(span);
  if (sender.waiting.length <= mostWaiting) return;
  sender.waiting.shift();
  sender.dropped += 1;
}

async function flush(own: Sender): Promise<void> {
  while (own.waiting.length > 0) {
    const batch = own.waiting.splice(0, mostAtOnce);
    try {
      const response = await fetch(`${own.endpoint.replace(/\/+$/, '')}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(encodeSpans(own.service, batch)),
        redirect: 'error',
        signal: AbortSignal.timeout(sendTimeoutMs),
      });
      await response.arrayBuffer();
      if (!response.ok) throw new Error(`the collector answered ${response.status}`);
      if (own.refused) own.log.info({ dropped: own.dropped }, 'spans are taken again');
      own.refused = false;
    } catch (error) {
      own.dropped += batch.length;
      if (!own.refused) own.log.warn({ endpoint: own.endpoint, problem: messageChain(error) }, 'spans are not taken');
      own.refused = true;
      return;
    }
  }
}
