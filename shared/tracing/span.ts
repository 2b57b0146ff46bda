// What a span tells.

import type { SpanContext } from './context.ts';

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export interface FinishedSpan {
  readonly context: SpanContext;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** What went wrong; undefined where nothing did. */
  readonly error: string | undefined;
}
