// Typed handlers of one service → what grpc-js calls.
// Owns: identity of the caller, the abort signal, back-pressure of streams, and the mapping of thrown things to one coded fault.
// Leaves to the handlers: decoding of requests; to server.ts: who may call what.

import type { EventEmitter } from 'node:events';
import type {
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { isDiskFull } from '../disk-full.ts';
import type { Logger } from '../log.ts';
import { type Identity, identityOfAlternativeNames } from '../pki/identity.ts';
import { fromTraceparent, traceHeader } from '../tracing/context.ts';
import { inSpan } from '../tracing/tracer.ts';
import { type Input, type ServiceName, type Services, serviceDefinition } from './definitions.ts';
import { faultToStatus, RpcFault } from './fault.ts';

export interface CallContext {
  /** Who calls, from the certificate. */
  readonly identity: Identity;
  /** Aborts when the caller cancels or goes away, or the deadline has passed. */
  readonly signal: AbortSignal;
  /** `doubleblind.agent.v1.AgentService/StartAttempt`. */
  readonly method: string;
}

type Handler<Method> = Method extends { kind: infer Kind; request: infer Request; response: infer Response }
  ? Kind extends 'unary'
    ? (request: Request, context: CallContext) => Promise<Input<Response>>
    : Kind extends 'serverStream'
      ? (request: Request, context: CallContext) => AsyncIterable<Input<Response>>
      : Kind extends 'clientStream'
        ? (requests: AsyncIterable<Request>, context: CallContext) => Promise<Input<Response>>
        : never
  : never;

/** One handler for every method of a service, named in camel case. */
export type Handlers<Name extends ServiceName> = {
  readonly [Method in keyof Services[Name]]: Handler<Services[Name][Method]>;
};

/** A service with its handlers, ready for `startRpcServer`. */
export interface RpcServiceDefinition {
  readonly name: ServiceName;
  readonly definition: ServiceDefinition;
  /** `longestCallMs` in place of the ceiling, for tests. */
  bind(log: Logger, longestCallMs?: number): UntypedServiceImplementation;
}

/**
 * Every call with one answer ends after this long, also one without a deadline (docs/decisions/0008). Sealing a large run takes
 * minutes; nothing takes longer, and no client of ours waits longer.
 */
const ceilingMs = 600_000;

type AnyCall =
  | ServerUnaryCall<unknown, unknown>
  | ServerReadableStream<unknown, unknown>
  | ServerWritableStream<unknown, unknown>;
type Loose = (input: unknown, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

/** Binds handlers to a service. */
export function implement<Name extends ServiceName>(name: Name, handlers: Handlers<Name>): RpcServiceDefinition {
  const definition = serviceDefinition(name);
  return {
    name,
    definition,
    bind: (log, longestCallMs = ceilingMs) =>
      Object.fromEntries(
        Object.entries(definition).map(([method, { requestStream, responseStream, path }]) => {
          const handler = handlers[method as keyof Handlers<Name>] as Loose;
          const fullName = path.slice(1);
          if (requestStream && responseStream) throw new Error(`${fullName}: bidirectional streams are not supported`);
          const bound = { handler, method: fullName, log };
          return [method, responseStream ? streaming(bound) : single(bound, longestCallMs)];
        }),
      ),
  };
}

interface Bound {
  readonly handler: Loose;
  /** In full. */
  readonly method: string;
  readonly log: Logger;
}

/** Unary and client-streaming methods: one answer, within the ceiling whatever the handler does. */
function single({ handler, method, log }: Bound, longestCallMs: number): UntypedHandleCall {
  return (call: AnyCall, callback: sendUnaryData<unknown>) => {
    const { context, abort, end } = openContext(call, method);
    const { promise: tooLong, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const fault = tooLongFault(longestCallMs);
      reject(fault);
      abort(fault);
    }, longestCallMs);
    const input = 'request' in call ? call.request : readMessages(call, context.signal);
    const answer = async (): Promise<void> => {
      try {
        await sawResets();
        context.signal.throwIfAborted();
        const work = traced(call, method, () => handler(input, context) as Promise<unknown>);
        callback(null, await Promise.race([work, tooLong]));
      } catch (error) {
        callback(faultToStatus(toFault(error, context, log)));
      } finally {
        clearTimeout(timer);
        end();
      }
    };
    void answer();
  };
}

/**
 * A process that was stopped for a while reads calls that their callers have long given up, for instance a lease that is another
 * host's by now. The reset lies right behind them in the socket and is read in the same turn of the event loop.
 */
function sawResets(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Server-streaming methods: messages as fast as the caller takes them. */
function streaming({ handler, method, log }: Bound): UntypedHandleCall {
  return (call: ServerWritableStream<unknown, unknown>) => {
    const { context } = openContext(call, method);
    const answer = async (): Promise<void> => {
      try {
        await traced(call, method, async () => {
          const messages = (handler(call.request, context) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
          await pump(messages, call, context.signal);
        });
        call.end();
      } catch (error) {
        call.emit('error', faultToStatus(toFault(error, context, log)));
      }
    };
    void answer();
  };
}

/** As a span under the caller's. Calls that nobody traces (an operator's, a health check) make none. */
async function traced<Value>(call: AnyCall, method: string, work: () => Promise<Value>): Promise<Value> {
  const [header] = call.metadata.get(traceHeader);
  const parent = fromTraceparent(header?.toString());
  if (parent === undefined) return await work();
  const [service = '', name = ''] = method.split('/');
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': name };
  return await inSpan(method, { kind: 'server', parent, attributes }, work);
}

async function pump(
  messages: AsyncIterator<unknown>,
  call: ServerWritableStream<unknown, unknown>,
  signal: AbortSignal,
): Promise<void> {
  const aborted = abortion(signal);
  try {
    while (!signal.aborted) {
      const next = await Promise.race([messages.next(), aborted.promise]);
      if (next === undefined || next.done === true) return;
      if (!call.write(next.value)) await Promise.race([drained(call), aborted.promise]);
    }
  } finally {
    aborted.release();
    // Not awaited: a generator that waits for its own next event cannot return before that.
    messages.return?.().catch(() => undefined);
  }
}

function abortion(signal: AbortSignal): { promise: Promise<undefined>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const onAbort = (): void => resolve(undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return { promise, release: () => signal.removeEventListener('abort', onAbort) };
}

function drained(call: ServerWritableStream<unknown, unknown>): Promise<undefined> {
  return new Promise((resolve) => call.once('drain', () => resolve(undefined)));
}

async function* readMessages(
  call: ServerReadableStream<unknown, unknown>,
  signal: AbortSignal,
): AsyncGenerator<unknown> {
  const onAbort = (): void => {
    call.destroy(new RpcFault('cancelled', 'the caller went away before it had sent everything'));
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    yield* call;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

interface Opened {
  readonly context: CallContext;
  abort(reason: RpcFault): void;
  /** The call has its answer: grpc-js says `cancelled` of every call in the end, and nobody is to make a fault of it. */
  end(): void;
}

function openContext(call: AnyCall, method: string): Opened {
  const controller = new AbortController();
  const emitter: EventEmitter = call;
  const cancel = (): void => controller.abort(cancelledFault());
  emitter.on('cancelled', cancel);
  const identity = identityOfAlternativeNames(call.getAuthContext().sslPeerCertificate?.subjectaltname);
  // The interceptor of server.ts has refused callers without an identity already.
  if (identity === undefined) throw new Error('invariant broken: a call without an identity reached a handler');
  const context = { identity, signal: controller.signal, method };
  return {
    context,
    abort: (reason) => controller.abort(reason),
    end: () => void emitter.off('cancelled', cancel),
  };
}

function cancelledFault(): RpcFault {
  return new RpcFault('cancelled', 'the call was cancelled or its deadline passed');
}

function tooLongFault(longestCallMs: number): RpcFault {
  const message = `the server gives no call longer than ${longestCallMs / 1000} s; what was asked for may still come about`;
  return new RpcFault('deadlineExceeded', message, { reason: 'callTooLong' });
}

/** What whoever called hears of something that a handler threw; the rest is logged. */
export function toFault(error: unknown, { signal, method, identity }: CallContext, log: Logger): RpcFault {
  if (error instanceof RpcFault) {
    if (error.code === 'internal') log.error({ error, method, caller: identity }, 'a call failed');
    return error;
  }
  if (signal.aborted) return cancelledFault();
  if (isDiskFull(error)) return diskFullFault(error, method, log);
  log.error({ error, method, caller: identity }, 'a call failed');
  return new RpcFault('internal', 'an internal error; the log of the daemon says more', { metadata: { method } });
}

/** A full disk fails every call of a whole fleet, and the log that says so may lie on it. */
const diskFullEveryMs = 10_000;
let diskFullToldMs = Number.NEGATIVE_INFINITY;

function diskFullFault(error: unknown, method: string, log: Logger): RpcFault {
  const nowMs = performance.now();
  if (nowMs - diskFullToldMs >= diskFullEveryMs) {
    diskFullToldMs = nowMs;
    log.error({ error, method }, 'the disk is full: calls that would write fail until there is space');
  }
  return new RpcFault('internal', 'the disk of this daemon is full', { reason: 'diskFull' });
}
