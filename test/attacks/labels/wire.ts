// What was said on captured connections, in the clear: segments (capture.py) put in order, TLS 1.3 opened with the secrets that Node
// writes under --tls-keylog, frames of HTTP/2 taken apart. Only for traffic that the test's own daemons made, on one machine.
//
// What it does not open is counted, so that a sweep that saw nothing cannot pass for one that found nothing. Headers and trailers stay
// as HPACK packs them; messages are whole.

import { createDecipheriv, createHmac } from 'node:crypto';

interface Segment {
  readonly from: number;
  readonly to: number;
  readonly isFirst: boolean;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** The bytes of one direction of a connection, as far as none is missing. */
interface Direction {
  readonly from: number;
  readonly to: number;
  readonly bytes: Buffer;
}

export interface Opened {
  /** Messages of every connection that could be opened, and everything that was never locked. */
  readonly plain: Buffer;
  /** Bytes of application data that were opened, and that were not, by the port of the server. */
  readonly openedBytes: number;
  readonly lockedBytes: ReadonlyMap<number, number>;
  readonly connections: number;
}

const headBytes = 13;

function segmentsOf(capture: Buffer): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at + headBytes <= capture.length; ) {
    const length = capture.readUInt32BE(at + 9);
    const payload = capture.subarray(at + headBytes, at + headBytes + length);
    segments.push({
      ...{ from: capture.readUInt16BE(at), to: capture.readUInt16BE(at + 2) },
      ...{ isFirst: (capture.readUInt8(at + 4) & 2) !== 0, sequence: capture.readUInt32BE(at + 5), payload },
    });
    at += headBytes + length;
  }
  return segments;
}

/** Every direction whose first segment was seen, in the order of its bytes; what comes after a gap is left out. */
function directionsOf(segments: readonly Segment[]): Direction[] {
  const open = new Map<string, { first: number; pieces: Map<number, Buffer>; from: number; to: number }>();
  const all: { first: number; pieces: Map<number, Buffer>; from: number; to: number }[] = [];
  for (const { from, to, isFirst, sequence, payload } of segments) {
    const key = `${from}>${to}`;
    if (isFirst) {
      const begun = { first: (sequence + 1) % 2 ** 32, pieces: new Map<number, Buffer>(), from, to };
      open.set(key, begun);
      all.push(begun);
    }
    const direction = open.get(key);
    if (direction === undefined || payload.length === 0) continue;
    const at = (sequence - direction.first + 2 ** 32) % 2 ** 32;
    if (payload.length > (direction.pieces.get(at)?.length ?? 0)) direction.pieces.set(at, payload);
  }
  return all.map(({ from, to, pieces }) => ({ from, to, bytes: joined(pieces) }));
}

function joined(pieces: ReadonlyMap<number, Buffer>): Buffer {
  const parts: Buffer[] = [];
  let end = 0;
  for (const [at, bytes] of [...pieces].sort(([left], [right]) => left - right)) {
    if (at > end) break;
    if (at + bytes.length <= end) continue;
    parts.push(bytes.subarray(end - at));
    end = at + bytes.length;
  }
  return Buffer.concat(parts);
}

/** Secrets by client random and label, out of lines of NSS's key log. */
function secretsOf(keyLog: string): Map<string, Buffer> {
  return new Map(
    keyLog.split('\n').flatMap((line) => {
      const [label, random, secret] = line.split(' ');
      return secret === undefined ? [] : [[`${label} ${random}`, Buffer.from(secret, 'hex')] as const];
    }),
  );
}

interface TlsRecord {
  readonly type: number;
  readonly head: Buffer;
  readonly body: Buffer;
}

/** What comes before TLS in the clear (a nats-server says who it is), and the records after it. */
function recordsOf(bytes: Buffer): { readonly before: Buffer; readonly records: TlsRecord[] } {
  const begin = bytes.indexOf(Buffer.from([22, 3]));
  if (begin < 0) return { before: bytes, records: [] };
  const records: TlsRecord[] = [];
  for (let at = begin; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 3);
    if (at + 5 + length > bytes.length) break;
    records.push({
      ...{ type: bytes.readUInt8(at), head: bytes.subarray(at, at + 5) },
      body: bytes.subarray(at + 5, at + 5 + length),
    });
    at += 5 + length;
  }
  return { before: bytes.subarray(0, begin), records };
}

const suites: Readonly<
  Record<number, { hash: string; cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'; key: number }>
> = {
  4865: { hash: 'sha256', cipher: 'aes-128-gcm', key: 16 },
  4866: { hash: 'sha384', cipher: 'aes-256-gcm', key: 32 },
  4867: { hash: 'sha256', cipher: 'chacha20-poly1305', key: 32 },
};

/** HKDF-Expand-Label of RFC 8446, 7.1, with an empty context. */
function expandLabel(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([length >> 8, length & 255, name.length]), name, Buffer.from([0, 1])]);
  // One block is enough: no key or nonce is longer than a digest.
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}

/** The application data of one direction, and how much of it stayed locked. */
function openDirection(records: readonly TlsRecord[], suite: number, secret: Buffer | undefined) {
  const about = suites[suite];
  const data = records.filter(({ type }) => type === 23);
  const size = (all: readonly TlsRecord[]): number => all.reduce((sum, { body }) => sum + body.length, 0);
  if (about === undefined || secret === undefined) return { plain: Buffer.alloc(0), locked: size(data) };
  const key = expandLabel(about.hash, secret, 'key', about.key);
  const nonce = expandLabel(about.hash, secret, 'iv', 12);
  const parts: Buffer[] = [];
  const kept: TlsRecord[] = [];
  let sequence = 0n;
  for (const record of data) {
    const plain = openRecord(about.cipher, key, nonce, sequence, record);
    // Before the first that opens lie the records of the handshake, which has keys of its own.
    if (plain === undefined) {
      if (sequence > 0n) kept.push(record);
      continue;
    }
    sequence += 1n;
    const end = plain.findLastIndex((byte) => byte !== 0);
    if (plain[end] === 23) parts.push(plain.subarray(0, end));
  }
  return { plain: Buffer.concat(parts), locked: sequence === 0n ? size(data) : size(kept) };
}

function openRecord(
  cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305',
  key: Buffer,
  iv: Buffer,
  sequence: bigint,
  { head, body }: TlsRecord,
): Buffer | undefined {
  const counter = Buffer.alloc(12);
  counter.writeBigUInt64BE(sequence, 4);
  const nonce = iv.map((byte, at) => byte ^ (counter[at] ?? 0));
  try {
    const open = createDecipheriv(cipher as 'aes-256-gcm', key, nonce, { authTagLength: 16 });
    open.setAAD(head);
    open.setAuthTag(body.subarray(-16));
    return Buffer.concat([open.update(body.subarray(0, -16)), open.final()]);
  } catch {
    return undefined;
  }
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Data of each stream of HTTP/2 without the heads of frames, which would cut a word in two; other protocols as they are. */
function withoutFrames(plain: Buffer, isHttp2: boolean): Buffer {
  if (!isHttp2) return plain;
  const streams = new Map<number, Buffer[]>();
  let at = plain.subarray(0, preface.length).equals(preface) ? preface.length : 0;
  for (; at + 9 <= plain.length; ) {
    const length = plain.readUIntBE(at, 3);
    // 0 is DATA; of other frames the payload is kept too, each by itself.
    const stream = plain[at + 3] === 0 ? plain.readUInt32BE(at + 5) : -1;
    streams.set(stream, [...(streams.get(stream) ?? []), plain.subarray(at + 9, at + 9 + length)]);
    at += 9 + length;
  }
  return Buffer.concat([...streams.values()].flat());
}

/** Everything that the capture holds, opened with the secrets as far as they go. */
export function openCapture(capture: Buffer, keyLog: string): Opened {
  const secrets = secretsOf(keyLog);
  const directions = directionsOf(segmentsOf(capture));
  const parts: Buffer[] = [];
  const lockedBytes = new Map<number, number>();
  let [openedBytes, connections] = [0, 0];
  const paired = new Set<Direction>();
  for (const client of directions) {
    if (paired.has(client)) continue;
    const server = directions.find(
      (other) => other !== client && !paired.has(other) && other.from === client.to && other.to === client.from,
    );
    paired.add(client);
    if (server !== undefined) paired.add(server);
    const [asked, answered] = [recordsOf(client.bytes), recordsOf(server?.bytes ?? Buffer.alloc(0))];
    parts.push(asked.before, answered.before);
    const hello = asked.records[0]?.body;
    const reply = answered.records[0]?.body;
    if (hello === undefined || reply === undefined || hello[0] !== 1 || reply[0] !== 2) continue;
    connections += 1;
    const random = hello.subarray(6, 38).toString('hex');
    const suite = reply.readUInt16BE(39 + (reply[38] ?? 0));
    const up = openDirection(asked.records, suite, secrets.get(`CLIENT_TRAFFIC_SECRET_0 ${random}`));
    const down = openDirection(answered.records, suite, secrets.get(`SERVER_TRAFFIC_SECRET_0 ${random}`));
    const isHttp2 = up.plain.subarray(0, preface.length).equals(preface);
    parts.push(withoutFrames(up.plain, isHttp2), withoutFrames(down.plain, isHttp2));
    openedBytes += up.plain.length + down.plain.length;
    const locked = up.locked + down.locked;
    if (locked > 0) lockedBytes.set(client.to, (lockedBytes.get(client.to) ?? 0) + locked);
  }
  return { plain: Buffer.concat(parts), openedBytes, lockedBytes, connections };
}
