// Typed clients with mutual TLS. A remote peer has a deadline and may be away, and the interface shows both.
// Invariants:
// 1. The server's certificate must name the expected role (and name); its host name does not matter, so hosts may move.
// 2. Every failure is an RpcFault. One that a handler threw arrives as it was thrown; one of the transport says who does not answer and what to do.

import {
  type CallOptions,
  Client,
  type ClientOptions,
  type ClientWritableStream,
  credentials as channelCredentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { identityOfAlternativeNames, type Role } from '../pki/identity.ts';
import { currentSpan, toTraceparent, traceHeader } from '../tracing/context.ts';
import { type Input, messageLimitBytes, type ServiceName, type Services, serviceDefinition } from './definitions.ts';
import { codeOfNumber, faultFromStatus, RpcFault } from './fault.ts';
import { endedCertificate } from './own-certificate.ts';
import { openTlsFiles, secureContextOf, type TlsMaterial, type TlsPaths } from './tls-files.ts';

export interface UnaryOptions {
  /** Most milliseconds until the answer. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface StreamOptions {
  /** Most milliseconds until the end of the stream; none unless stated. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

type Call<Method> = Method extends { kind: infer Kind; request: infer Request; response: infer Response }
  ? Kind extends 'unary'
    ? (request: Input<Request>, options: UnaryOptions) => Promise<Response>
    : Kind extends 'serverStream'
      ? (request: Input<Request>, options?: StreamOptions) => AsyncIterable<Response>
      : Kind extends 'clientStream'
        ? (
            requests: AsyncIterable<Input<Request>> | Iterable<Input<Request>>,
            options: UnaryOptions,
          ) => Promise<Response>
        : never
  : never;

/** The methods of a service in camel case, and `close`. */
export type RpcClient<Name extends ServiceName> = {
  readonly [Method in keyof Services[Name]]: Call<Services[Name][Method]>;
} & {
  /** Ends the connection; calls that run are cancelled. */
  close(): void;
};

export interface RpcClientOptions<Name extends ServiceName> {
  readonly service: Name;
  /** host:port */
  readonly address: string;
  readonly tls: TlsPaths;
  /** The role that the server's certificate must name. */
  readonly expectRole: Role;
  /** The name that it must name, where only one will do. */
  readonly expectName?: string | undefined;
}

const clientOptions: ClientOptions = {
  'grpc.max_receive_message_length': messageLimitBytes,
  'grpc.max_send_message_length': messageLimitBytes,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.keepalive_permit_without_calls': 1,
  // Low, so that work goes on soon after a daemon is back; a handful of peers cannot swamp it.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2000,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

/** What the transport says → what it means. */
const connectionFailures: readonly [RegExp, string][] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, 'its name is not known'],
  [/EHOSTUNREACH|ENETUNREACH/, 'no route to it'],
  [/ETIMEDOUT/, 'connecting took too long'],
  [/certificate required|handshake failure|bad certificate|unknown ca|alert/i, 'it refused our certificate'],
  [/self.signed|unable to (verify|get)|expired/i, 'its certificate is not signed by our authority, or has expired'],
  [/ECONNRESET|EPIPE|socket hang up|Connection dropped|GOAWAY|ended without/i, 'the connection broke'],
];

/** Creates a client; it connects with its first call and reconnects by itself. */
export function createRpcClient<Name extends ServiceName>(options: RpcClientOptions<Name>): RpcClient<Name> {
  const tlsFiles = openTlsFiles(options.tls, {
    changed(material) {
      const old = connection;
      connection = openConnection(connect(options, material), material);
      old.retire();
    },
  });
  let connection = openConnection(connect(options, tlsFiles.current()), tlsFiles.current());
  const methods = Object.entries(serviceDefinition(options.service)).map(([name, definition]) => {
    const details = definition as MethodDefinition<unknown, unknown>;
    const start = (input: unknown, callOptions: StreamOptions = {}): unknown => {
      const { client, material, during, duringStream } = connection;
      const outgoing = { client, material, details, options, callOptions, input };
      if (details.responseStream) return duringStream(receive(outgoing));
      return during(details.requestStream ? send(outgoing) : ask(outgoing));
    };
    return [name, start];
  });
  const close = (): void => {
    tlsFiles.stop();
    connection.client.close();
  };
  return { ...Object.fromEntries(methods), close } as RpcClient<Name>;
}

/** A client with the calls that run on it. */
interface Connection {
  readonly client: Client;
  readonly material: TlsMaterial;
  during<Value>(call: Promise<Value>): Promise<Value>;
  duringStream<Item>(stream: AsyncGenerator<Item>): AsyncGenerator<Item>;
  /** Takes no new calls, and closes when the last one has ended: closing at once would end streams that run. */
  retire(): void;
}

function openConnection(client: Client, material: TlsMaterial): Connection {
  let running = 0;
  let retired = false;
  const leave = (): void => {
    running -= 1;
    if (retired && running === 0) client.close();
  };
  return {
    client,
    material,
    async during(call) {
      running += 1;
      try {
        return await call;
      } finally {
        leave();
      }
    },
    async *duringStream(stream) {
      running += 1;
      try {
        yield* stream;
      } finally {
        leave();
      }
    },
    retire() {
      retired = true;
      if (running === 0) client.close();
    },
  };
}

interface Outgoing {
  readonly client: Client;
  /** By which the client asks. */
  readonly material: TlsMaterial;
  readonly details: MethodDefinition<unknown, unknown>;
  readonly options: RpcClientOptions<ServiceName>;
  readonly callOptions: StreamOptions;
  readonly input: unknown;
}

/** With the span that the call belongs to, where one is open. */
function outgoingMetadata(): Metadata {
  const metadata = new Metadata();
  const span = currentSpan();
  if (span !== undefined) metadata.set(traceHeader, toTraceparent(span));
  return metadata;
}

function connect(options: RpcClientOptions<ServiceName>, material: TlsMaterial): Client {
  const { expectRole, expectName } = options;
  const secureContext = secureContextOf(material);
  const checkServerIdentity = (_: string, certificate: { subjectaltname?: string }): Error | undefined => {
    const identity = identityOfAlternativeNames(certificate.subjectaltname);
    const found = identity === undefined ? 'no Doubleblind identity' : `${identity.role}/${identity.name}`;
    if (found === `${expectRole}/${expectName ?? identity?.name}`) return undefined;
    return new Error(`its certificate names ${found} instead of ${expectRole}/${expectName ?? '*'}`);
  };
  return new Client(
    options.address,
    channelCredentials.createFromSecureContext(secureContext, { checkServerIdentity }),
    {
      ...clientOptions,
      // Not used to check anything; without it Node warns of an IP address as server name.
      'grpc.ssl_target_name_override': `${expectRole}.doubleblind.internal`,
    },
  );
}

function ask(outgoing: Outgoing): Promise<unknown> {
  const { client, details, callOptions, input } = outgoing;
  return new Promise((resolve, reject) => {
    if (callOptions.signal?.aborted) {
      reject(cancelled());
      return;
    }
    const { path, requestSerialize, responseDeserialize } = details;
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      input,
      outgoingMetadata(),
      deadline(callOptions),
      (error, response) => {
        release();
        if (error === null) resolve(response);
        else reject(toFault(error, outgoing));
      },
    );
    const release = onAbort(callOptions.signal, () => call.cancel());
  });
}

/**
 * Node sends a regular end of stream before it resets one, so a cancelled upload could pass for a whole one. An upload that is given
 * up therefore ends with bytes that no parser takes: the server fails the call at that point, whatever comes after.
 */
const poison = Symbol('poison');
const poisonBytes = Buffer.from([0xff]);
/** A server that does not read in this time cannot see a false end either: it comes after the data that waits. */
const poisonMs = 1000;

async function send(outgoing: Outgoing): Promise<unknown> {
  const { client, details, options, callOptions, input } = outgoing;
  if (callOptions.signal?.aborted) throw cancelled();
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  let open = true;
  const call = client.makeClientStreamRequest(
    details.path,
    (message: unknown) => (message === poison ? poisonBytes : details.requestSerialize(message)),
    details.responseDeserialize,
    outgoingMetadata(),
    deadline({ deadlineMs: (callOptions.deadlineMs ?? 0) + 2 * poisonMs }),
    (error, response) => {
      open = false;
      call.emit('drain');
      if (error === null) resolve(response);
      else reject(toFault(error, outgoing));
    },
  );
  const giveUp = (reason: unknown): void => {
    if (!open) return;
    open = false;
    reject(reason);
    const timer = setTimeout(() => call.cancel(), poisonMs);
    call.write(poison, () => {
      clearTimeout(timer);
      call.cancel();
    });
  };
  const late = (): void => giveUp(lateFault(options, callOptions));
  const timer = setTimeout(late, callOptions.deadlineMs);
  const release = onAbort(callOptions.signal, () => giveUp(cancelled()));
  writeAll(input as AsyncIterable<unknown>, call, () => open).catch(giveUp);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    release();
  }
}

async function writeAll(
  messages: AsyncIterable<unknown>,
  call: ClientWritableStream<unknown>,
  isOpen: () => boolean,
): Promise<void> {
  for await (const message of messages) {
    // The server may answer before it has read everything, for example with a refusal.
    if (!isOpen()) return;
    if (!call.write(message) && isOpen()) await new Promise((drained) => call.once('drain', drained));
  }
  if (isOpen()) call.end();
}

async function* receive(outgoing: Outgoing): AsyncGenerator<unknown> {
  const { client, details, callOptions, input } = outgoing;
  if (callOptions.signal?.aborted) throw cancelled();
  const { path, requestSerialize, responseDeserialize } = details;
  const call = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    input,
    outgoingMetadata(),
    deadline(callOptions),
  );
  const release = onAbort(callOptions.signal, () => call.cancel());
  try {
    yield* call;
  } catch (error) {
    throw toFault(error as ServiceError, outgoing);
  } finally {
    release();
    call.on('error', () => undefined);
    call.cancel();
  }
}

function deadline({ deadlineMs }: StreamOptions): CallOptions {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}

function onAbort(signal: AbortSignal | undefined, cancel: () => void): () => void {
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
}

function cancelled(): RpcFault {
  return new RpcFault('cancelled', 'the call was cancelled');
}

function lateFault(options: RpcClientOptions<ServiceName>, { deadlineMs }: StreamOptions, cause?: unknown): RpcFault {
  return new RpcFault('deadlineExceeded', `${peerName(options)} did not answer within ${deadlineMs ?? 0} ms`, {
    cause,
  });
}

function peerName({ expectName, expectRole, address }: RpcClientOptions<ServiceName>): string {
  return expectName === undefined ? `${expectRole} at ${address}` : `${expectRole} ${expectName} at ${address}`;
}

function toFault(error: ServiceError, { options, callOptions, material }: Outgoing): RpcFault {
  if (typeof error.code !== 'number') return new RpcFault('internal', String(error), { cause: error });
  const thrown = faultFromStatus(error);
  if (thrown !== undefined) return thrown;
  const code = codeOfNumber(error.code);
  const peer = peerName(options);
  if (code === 'cancelled' && callOptions.signal?.aborted === true) return cancelled();
  if (code === 'deadlineExceeded') return lateFault(options, callOptions, error);
  // A server that is forced down resets its streams with CANCEL: not our doing, so not 'cancelled' to our caller.
  if (code !== 'unavailable' && code !== 'cancelled') {
    return new RpcFault(code, `${peer}: ${error.details}`, { cause: error });
  }
  // Unavailable, like every peer that cannot be reached: a daemon tries on, and gets through once it is renewed.
  const ended = endedCertificate(material, options.tls.certificate, Date.now());
  if (ended !== undefined) return new RpcFault('unavailable', ended, { reason: 'certificateEnded', cause: error });
  const broken = code === 'cancelled' ? 'the connection broke' : undefined;
  const known = connectionFailures.find(([pattern]) => pattern.test(error.details))?.[1];
  const meaning = broken ?? known ?? error.details;
  const named = /its certificate names [^;,\n]*/.exec(error.details)?.[0];
  const advice = named === undefined ? '; is it running?' : '';
  return new RpcFault('unavailable', `${peer} does not answer (${named ?? meaning})${advice}`, {
    reason: 'unreachable',
    cause: error,
  });
}
