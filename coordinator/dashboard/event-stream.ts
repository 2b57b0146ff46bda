// An endless answer as server-sent events. The browser reconnects by itself and names the last event that it has; the
// caller turns that into where to go on.
//
// Invariants: 1. The source is told to stop when the reader has gone. 2. A source that has ended says so by the event `end`,
// because the browser would otherwise ask for ever. 3. There are never more than `mostStreams` at once. 4. A HEAD begins no source: its
// answer has no body, so nobody could say that its reader has gone.

import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { toJson } from './json.ts';

/** A browser holds at most six per tab group; this is room for ten people, and a bound for a script gone wrong. */
const mostStreams = 64;
/** Proxies cut connections that are silent for a minute; and only writing shows that a reader has gone. */
const pingMs = 20_000;

/** One event: its id is where to go on after it. */
export interface StreamEvent {
  readonly id: string;
  readonly data: unknown;
}

export interface EventStreams {
  /** Answers with the events of a source until it ends or the reader goes. */
  answer(context: Context, source: (signal: AbortSignal) => AsyncIterable<StreamEvent>): Response;
}

export function newEventStreams(): EventStreams {
  let open = 0;
  return {
    answer(context, source) {
      if (context.req.method === 'HEAD') return context.body(null, 200, { 'content-type': 'text/event-stream' });
      if (open >= mostStreams) throw new RpcFault('resourceExhausted', 'too many pages follow runs already');
      open += 1;
      return streamSSE(context, async (stream) => {
        const controller = new AbortController();
        stream.onAbort(() => controller.abort());
        // The body tells when its reader leaves, and the request where nobody ever read the body.
        const { signal: request } = context.req.raw;
        request.addEventListener('abort', () => stream.abort(), { once: true });
        if (request.aborted) stream.abort();
        const ping = setInterval(() => void stream.write(': still here\n\n'), pingMs);
        try {
          await pump(stream, source(controller.signal), controller.signal);
        } finally {
          clearInterval(ping);
          controller.abort();
          open -= 1;
        }
      });
    },
  };
}

async function pump(stream: SSEStreamingApi, source: AsyncIterable<StreamEvent>, signal: AbortSignal): Promise<void> {
  const events = source[Symbol.asyncIterator]();
  const gone = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  try {
    while (!signal.aborted) {
      const next = await Promise.race([events.next(), gone]);
      if (next === undefined) return;
      if (next.done === true) {
        await stream.writeSSE({ event: 'end', data: '{}' });
        return;
      }
      await stream.writeSSE({ id: next.value.id, data: toJson(next.value.data) });
    }
  } catch (error) {
    const said = error instanceof RpcFault ? error : new RpcFault('internal', 'the stream broke off');
    await stream.writeSSE({ event: 'fault', data: toJson({ code: said.code, message: said.message }) });
  } finally {
    // Not awaited: a generator that waits for its own next event cannot return before that.
    events.return?.().catch(() => undefined);
  }
}
