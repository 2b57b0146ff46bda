// The bus: heartbeats over core NATS, result events over JetStream. The only door to the `nats` package.
// Owns: the connection (it reconnects for ever), the stream and the durable consumer (made again where the store was lost).
// Leaves to the caller: its own durable outbox and journal; the bus may lose everything that it holds at any time.
// Invariants:
// 1. `publishResult` resolves only after the server has the event; it rejects within 5 s otherwise, and at once where the connection
//    breaks: the client would wait for an answer that cannot come any more.
// 2. An event is acknowledged only after its handler resolved; until then it comes again.
// 3. Nothing reaches a handler that the schemas have not accepted, and no event that its host did not sign.
// 4. A new certificate is in use within seconds: the connection is made anew. What was under way is lost to nobody, by 1 and 2.
// 5. Handlers are called in the order of the stream, and so many may be at work that they share what each of them waits for.

import {
  type ConnectionOptions,
  ConsumerEvents,
  type ConsumerMessages,
  connect,
  headers,
  type JsMsg,
  type MsgHdrs,
  type NatsConnection,
} from 'nats';
import { delay, systemClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { openTlsFiles, type TlsFiles } from '../rpc/tls-files.ts';
import { attemptSpan, fromTraceparent, toTraceparent, traceHeader } from '../tracing/context.ts';
import { inSpan } from '../tracing/tracer.ts';
import { connectionOptionsOf, firstConnectMs, reconnectWaitMs } from './connection-options.ts';
import {
  certificateHeader,
  checkEvent,
  type EventRefusal,
  type EventSignature,
  signatureHeader,
  signEvent,
} from './event-signature.ts';
import { consumerName, prepareStream } from './event-stream.ts';
import {
  eventStream,
  type Heartbeat,
  heartbeatSchema,
  heartbeatSubject,
  type ResultEvent,
  resultEventSchema,
  resultMessageId,
  resultSubject,
} from './messages.ts';

export interface BusOptions {
  /** host:port of one or more servers of one cluster. */
  readonly servers: readonly string[];
  /** Paths of PEM files; read again for every new connection. */
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
  /** Shown in the server's lists. */
  readonly name: string;
  /** On how many servers of a cluster the stream of events is kept; 1 unless stated. Of 3, one may be lost. */
  readonly replicas?: number;
  /** Takes events without a signature too, as agents of 0.1.0 send them; false unless stated. */
  readonly acceptUnsigned?: boolean;
  readonly log: Logger;
  /** How often the certificate files are looked at; ten seconds unless stated, which only tests do. */
  readonly rereadMs?: number;
}

export interface Bus {
  /** Sends a heartbeat; dropped where there is no connection. */
  publishHeartbeat(heartbeat: Heartbeat): void;
  /** Calls `listener` with every heartbeat of every host. */
  subscribeHeartbeats(listener: (heartbeat: Heartbeat) => void): void;
  /** Resolves when JetStream has the event; rejects after 5 s at most. A repeat is harmless. */
  publishResult(event: ResultEvent, repeat?: number): Promise<void>;
  /**
   * Gives every event to `handler` until it resolves for it; tells of those that are refused. It is called in order, and before it
   * has resolved for earlier events, so that a whole fleet's reports share commits to a journal. May be called once.
   */
  consumeResults(handler: (event: ResultEvent) => Promise<void>, onRefused?: (why: EventRefusal) => void): void;
  status(): 'connected' | 'disconnected';
  /** Calls `listener` whenever there is a connection again, and when there is one for the first time. */
  onConnected(listener: () => void): void;
  /** Stops consuming after the events at hand, sends what is buffered and disconnects. */
  close(): Promise<void>;
}

const publishTimeoutMs = 5000;
/** A handler that failed gets the event again after this. */
const redeliveryMs = 1000;
/** Handlers at work. Below half of what the server hands out without an acknowledgement, so that repeats find room. */
const handledAtOnce = 256;
/** A pull lasts this long; a store that vanished is noticed after about as long. */
const pullMs = 5000;

/** A server that knows the new certificate takes it within this time. */
const renewalMs = 5000;

/** Connects to the bus. Where no server answers yet, the bus comes back `disconnected` and goes on trying. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const connectionOptions = connectionOptionsOf(options);
  const closing = new AbortController();
  const files = openTlsFiles(options.tls, { changed: () => renewConnection(state) }, options.rereadMs);
  const state: BusState = {
    ...{ options, files, closing, connection: undefined, connected: false, renewal: undefined, heartbeats: [] },
    ...{ onDisconnect: new Set(), onConnect: new Set() },
  };
  const opened = openConnection(state, connectionOptions);
  await Promise.race([opened, delay(systemClock, firstConnectMs, closing.signal)]);
  if (state.connection === undefined) options.log.warn({ servers: options.servers }, 'the bus does not answer yet');
  let consuming: Promise<void> | undefined;
  return {
    publishHeartbeat(heartbeat) {
      if (!state.connected) return;
      state.connection?.publish(heartbeatSubject(heartbeat.host), JSON.stringify(heartbeat));
    },
    subscribeHeartbeats(listener) {
      state.heartbeats.push(listener);
      if (state.connection !== undefined) listen(state, state.connection, listener);
    },
    publishResult: (event, repeat = 0) => publish(state, event, repeat),
    consumeResults(handler, onRefused) {
      if (consuming !== undefined) throw new Error('invariant broken: consumeResults was called twice');
      consuming = consumeForEver(state, opened, { handle: handler, refused: onRefused ?? (() => undefined) });
    },
    status: () => (state.connected ? 'connected' : 'disconnected'),
    onConnected: (listener) => void state.onConnect.add(listener),
    async close() {
      closing.abort();
      files.stop();
      await opened;
      await consuming;
      await closeConnection(state);
    },
  };
}

interface BusState {
  readonly options: BusOptions;
  /** For signing events, and for checking who signed them. */
  readonly files: TlsFiles;
  /** Aborted when the bus is being closed. */
  readonly closing: AbortController;
  connection: NatsConnection | undefined;
  connected: boolean;
  /** While it is disconnected because we asked for that; a warning comes where it does not end. */
  renewal: { cancel(): void } | undefined;
  readonly heartbeats: ((heartbeat: Heartbeat) => void)[];
  readonly onDisconnect: Set<() => void>;
  readonly onConnect: Set<() => void>;
}

/** The nats client reads the files for itself, at every connection. One that is away just now does so anyway. */
function renewConnection(state: BusState): void {
  const { connection, options } = state;
  const { log, tls } = options;
  log.info({ certificate: tls.certificate }, 'new certificate; the bus connects again');
  if (state.connected) {
    state.renewal?.cancel();
    state.renewal = systemClock.after(renewalMs, () => {
      state.renewal = undefined;
      if (!state.connected)
        log.warn({ certificate: tls.certificate }, 'the bus is disconnected since the new certificate');
    });
  }
  connection?.reconnect().catch((error: unknown) => log.debug({ error }, 'the bus is closing and connects no more'));
}

/** Tries until a server answers or the bus is closed; afterwards the client reconnects by itself. */
async function openConnection(state: BusState, connectionOptions: ConnectionOptions): Promise<void> {
  const { log, servers } = state.options;
  let told = '';
  while (!state.closing.signal.aborted) {
    try {
      const connection = await connect(connectionOptions);
      state.connection = connection;
      state.connected = true;
      log.info({ server: connection.getServer() }, 'the bus is connected');
      void followStatus(state, connection);
      for (const listener of state.heartbeats) listen(state, connection, listener);
      for (const listener of state.onConnect) listener();
      return;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== told) log.warn({ error, servers }, 'the bus cannot be reached; trying on');
      told = message;
      await delay(systemClock, reconnectWaitMs, state.closing.signal);
    }
  }
}

async function followStatus(state: BusState, connection: NatsConnection): Promise<void> {
  const { log } = state.options;
  for await (const { type, data } of connection.status()) {
    if (type === 'disconnect') {
      state.connected = false;
      if (state.renewal === undefined) log.warn({}, 'the bus is disconnected');
      else log.info({}, 'the bus is disconnected, as it was asked to be');
      for (const listener of state.onDisconnect) listener();
    } else if (type === 'reconnect') {
      state.connected = true;
      state.renewal?.cancel();
      state.renewal = undefined;
      log.info({ server: String(data) }, 'the bus is connected again');
      for (const listener of state.onConnect) listener();
    } else if (type === 'error') {
      log.warn({ data: String(data) }, 'the bus refused something');
    }
  }
  state.connected = false;
  state.renewal?.cancel();
}

function listen(state: BusState, connection: NatsConnection, listener: (heartbeat: Heartbeat) => void): void {
  const { log } = state.options;
  connection.subscribe('doubleblind.v1.heartbeat.*', {
    callback: (error, message) => {
      if (error !== null) {
        log.warn({ error }, 'heartbeats cannot be heard');
        return;
      }
      const { subject } = message;
      const parsed = heartbeatSchema.safeParse(parseJson(message.data));
      // The server lets a host publish under its own name only, so the subject is what can be believed.
      if (!parsed.success || subject !== heartbeatSubject(parsed.data.host)) {
        log.warn({ subject, problem: parsed.error?.message }, 'a heartbeat was not understood');
        return;
      }
      try {
        listener(parsed.data);
      } catch (error) {
        // Thrown on, it would end the reading of this connection: of all hosts and of all results.
        log.error({ error, subject }, 'a heartbeat could not be dealt with');
      }
    },
  });
}

async function publish(state: BusState, event: ResultEvent, repeat: number): Promise<void> {
  if (state.connection === undefined || !state.connected) throw new Error('the bus is not connected');
  const body = Buffer.from(JSON.stringify(resultEventSchema.parse(event)));
  const subject = resultSubject(event);
  const msgID = resultMessageId(event, repeat);
  try {
    const carried = eventHeaders(event, signEvent(subject, body, state.files.current()));
    const publication = state.connection
      .jetstream({ timeout: publishTimeoutMs })
      .publish(subject, body, { msgID, timeout: publishTimeoutMs, headers: carried });
    await unlessDisconnected(state, publication);
  } catch (error) {
    throw new Error(`the bus did not take the event ${msgID}`, { cause: error });
  }
}

async function unlessDisconnected({ onDisconnect }: BusState, answer: Promise<unknown>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(new Error('the connection broke before the bus answered'));
  onDisconnect.add(giveUp);
  await Promise.race([answer, promise]).finally(() => onDisconnect.delete(giveUp));
}

/** The event belongs to its attempt's trace, however long after the attempt it is published. */
function eventHeaders(event: ResultEvent, { certificate, signature }: EventSignature): MsgHdrs {
  const carried = headers();
  carried.set(traceHeader, toTraceparent(attemptSpan(event)));
  carried.set(certificateHeader, certificate);
  carried.set(signatureHeader, signature);
  return carried;
}

/** Who gets the events, and who hears of those that nobody gets. */
interface Consumer {
  handle(event: ResultEvent): Promise<void>;
  refused(why: EventRefusal): void;
}

async function consumeForEver(state: BusState, opened: Promise<void>, consumer: Consumer): Promise<void> {
  const { log } = state.options;
  const { signal } = state.closing;
  await opened;
  let told = '';
  while (!signal.aborted && state.connection !== undefined) {
    try {
      await prepareStream(state.connection, state.options.replicas ?? 1);
      told = '';
      await consumeOnce(state, state.connection, consumer);
      if (!signal.aborted) log.info({}, 'consuming of events starts anew');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message !== told) log.warn({ error }, 'events cannot be consumed; trying on');
      told = message;
    }
    await delay(systemClock, reconnectWaitMs, signal);
  }
}

/** Consumes until the bus is closed or the stream or consumer is gone. */
async function consumeOnce(state: BusState, connection: NatsConnection, consumer: Consumer): Promise<void> {
  const durable = await connection.jetstream().consumers.get(eventStream, consumerName);
  const messages = await durable.consume({ max_messages: handledAtOnce, expires: pullMs });
  const handling = new Set<Promise<void>>();
  const stop = (): void => messages.stop();
  state.closing.signal.addEventListener('abort', stop, { once: true });
  // The client itself would ask for the consumer, and where a server that has just begun does not answer, wait twice 5 s.
  state.onConnect.add(stop);
  void stopWhenGone(messages);
  try {
    for await (const message of messages) {
      if (handling.size >= handledAtOnce) await Promise.race(handling);
      const handled: Promise<void> = handle(state, message, consumer).finally(() => handling.delete(handled));
      handling.add(handled);
      if (state.closing.signal.aborted) return;
    }
  } finally {
    await Promise.all(handling);
    state.closing.signal.removeEventListener('abort', stop);
    state.onConnect.delete(stop);
    messages.stop();
  }
}

async function stopWhenGone(messages: ConsumerMessages): Promise<void> {
  const gone = new Set<string>([
    ConsumerEvents.ConsumerNotFound,
    ConsumerEvents.StreamNotFound,
    ConsumerEvents.ConsumerDeleted,
    ConsumerEvents.NoResponders,
    ConsumerEvents.HeartbeatsMissed,
  ]);
  for await (const { type } of await messages.status()) {
    if (gone.has(type)) messages.stop();
  }
}

async function handle(state: BusState, message: JsMsg, consumer: Consumer): Promise<void> {
  const { log } = state.options;
  const parsed = resultEventSchema.safeParse(parseJson(message.data));
  if (!parsed.success || resultSubject(parsed.data) !== message.subject) {
    log.error(
      { subject: message.subject, problem: parsed.error?.message },
      'an event was not understood and is dropped',
    );
    message.term();
    return;
  }
  const refusal = refusalOf(state, message, parsed.data);
  if (refusal !== undefined) {
    const { host, attemptId, epoch } = parsed.data;
    log.warn(
      { subject: message.subject, host, attemptId, epoch, refusal },
      'an event was refused: its host did not sign it',
    );
    consumer.refused(refusal);
    // An honest host sends it again until it has a receipt, with the certificate that it has then.
    message.term();
    return;
  }
  try {
    const parent = fromTraceparent(message.headers?.get(traceHeader));
    const attributes = {
      ...{ 'messaging.system': 'nats', 'messaging.operation.type': 'process' },
      ...{ 'messaging.destination.name': eventStream, 'messaging.message.id': resultMessageId(parsed.data, 0) },
    };
    await inSpan(`process ${eventStream}`, { kind: 'consumer', parent, attributes }, () =>
      consumer.handle(parsed.data),
    );
    message.ack();
  } catch (error) {
    log.warn({ error, subject: message.subject, delivery: message.info.redeliveryCount }, 'an event was not taken in');
    message.nak(redeliveryMs);
  }
}

/** Why the event is not the host's own, or undefined where it is. */
function refusalOf(
  { options, files }: BusState,
  { subject, data, headers: carried }: JsMsg,
  { host }: ResultEvent,
): EventRefusal | undefined {
  const certificate = carried?.get(certificateHeader) ?? '';
  const signature = carried?.get(signatureHeader) ?? '';
  if (certificate === '' && signature === '' && options.acceptUnsigned === true) return;
  const { ca } = files.current();
  const checked = checkEvent({ subject, body: data, host }, { certificate, signature }, ca, systemClock.now());
  return checked.ok ? undefined : checked.error;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch {
    // The schema refuses it in its own words.
    return undefined;
  }
}

async function closeConnection({ connection, options }: BusState): Promise<void> {
  try {
    await connection?.drain();
  } catch (error) {
    options.log.debug({ error }, 'the bus was closed without a drain');
    await connection?.close();
  }
}
