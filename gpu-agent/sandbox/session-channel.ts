// The conversation with the toolbox in a sandbox: one JSON object a line, both ways.
// Owns: framing, ids, deadlines. Leaves to toolbox.py: everything that happens inside. Leaves to the engines: the pipe.
// Invariants:
// 1. One call at a time; the next one waits.
// 2. A line that is too long, not JSON or not expected breaks the channel for good: nothing after it is believed.
// 3. Every call ends: the toolbox keeps the deadline, and where it does not answer within `graceMs` more, the channel
//    is broken.

import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ContainerPipe } from '../../shared/sandbox/container-pipe.ts';

/** The channel cannot be used any more. */
export class ChannelBroken extends Error {
  override readonly name = 'ChannelBroken';
}

/** The toolbox did not answer in time. */
export class ChannelLate extends ChannelBroken {}

export interface CallOptions {
  /** How long the toolbox may take for it. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Receives binary parts of the answer. */
  readonly onChunk?: (bytes: Buffer) => void;
  /** Bytes to send along, in chunks. */
  readonly feed?: Uint8Array;
}

const replySchema = z.looseObject({
  id: z.string(),
  done: z.literal(true).optional(),
  chunk: z.string().optional(),
  error: z.string().optional(),
});
type Reply = z.infer<typeof replySchema>;

/** A log of 8 MiB in which every byte needs an escape still fits. */
const longestLine = 48 * 2 ** 20;
const feedChunkBytes = 256 * 1024;
/** A starved sandbox (fork bomb, one busy core) may answer late; three times the worst that was measured. */
const graceMs = 30_000;

interface Waiting {
  readonly id: string;
  readonly onChunk: ((bytes: Buffer) => void) | undefined;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

export class SessionChannel {
  readonly #pipe: ContainerPipe;
  /** Distinguishes our ids from those of a daemon that used this sandbox before. */
  readonly #prefix = randomUUID().slice(0, 8);
  #count = 0;
  #waiting: Waiting | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #parts: Buffer[] = [];
  #partBytes = 0;
  /** `late` until the toolbox has answered us for the first time. */
  #state: 'late' | 'greeted' = 'late';
  #broken: ChannelBroken | undefined;

  constructor(pipe: ContainerPipe) {
    this.#pipe = pipe;
    pipe.listen(
      (chunk) => this.#receive(chunk),
      (reason) => this.#break(reason),
    );
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** Waits for the toolbox; a call that another daemon had left running is ended. */
  async hello(timeoutMs: number): Promise<void> {
    // The empty line ends half a request that a daemon may have left behind.
    this.#pipe.write('\n');
    await this.call('hello', {}, { timeoutMs });
  }

  /** One call and its final reply. Rejects with ChannelBroken. */
  call(op: string, fields: Record<string, unknown>, options: CallOptions): Promise<Reply> {
    const mine = this.#turn.then(() => this.#begin(op, fields, options));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  close(): void {
    this.#break('it was closed');
  }

  async #begin(op: string, fields: Record<string, unknown>, options: CallOptions): Promise<Reply> {
    if (this.#broken) throw this.#broken;
    this.#count += 1;
    const id = `${this.#prefix}-${this.#count}`;
    const cancel = (): void => this.#send({ op: 'cancel', id: `${id}-cancel`, target: id });
    const answered = new Promise<Reply>((resolve, reject) => {
      this.#waiting = { id, onChunk: options.onChunk, resolve, reject };
    });
    const limit = setTimeout(() => this.#break(`no answer to ${op}`, ChannelLate), options.timeoutMs + graceMs);
    try {
      this.#send({ op, id, timeoutMs: options.timeoutMs, ...fields });
      if (options.feed) this.#feed(id, options.feed);
      if (options.signal?.aborted) cancel();
      else options.signal?.addEventListener('abort', cancel, { once: true });
      return await answered;
    } finally {
      clearTimeout(limit);
      options.signal?.removeEventListener('abort', cancel);
      this.#waiting = undefined;
    }
  }

  #send(message: Record<string, unknown>): void {
    if (!this.#broken) this.#pipe.write(`${JSON.stringify(message)}\n`);
  }

  #feed(id: string, bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let start = 0; start === 0 || start < view.length; start += feedChunkBytes) {
      const data = view.subarray(start, start + feedChunkBytes).toString('base64');
      this.#send({ op: 'chunk', id, data, last: start + feedChunkBytes >= view.length });
    }
  }

  #receive(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0 && !this.#broken; end = rest.indexOf(10)) {
      const line = Buffer.concat([...this.#parts, rest.subarray(0, end)]);
      this.#parts = [];
      this.#partBytes = 0;
      rest = rest.subarray(end + 1);
      this.#readLine(line);
    }
    if (rest.length === 0 || this.#broken) return;
    this.#parts.push(rest);
    this.#partBytes += rest.length;
    if (this.#partBytes > longestLine) this.#break('it sent a line without end');
  }

  #readLine(line: Buffer): void {
    const reply = parseReply(line);
    // What is left of an earlier daemon's call may come before the answer to our greeting, cut at any place.
    if (this.#state === 'late' && !reply?.id.startsWith(this.#prefix)) return;
    this.#state = 'greeted';
    const waiting = this.#waiting;
    if (!reply || waiting?.id !== reply.id) {
      this.#break('it sent something that is not an answer');
    } else if (reply.chunk !== undefined) {
      waiting.onChunk?.(Buffer.from(reply.chunk, 'base64'));
    } else if (reply.error !== undefined) {
      waiting.reject(new ChannelBroken(reply.error));
    } else {
      waiting.resolve(reply);
    }
  }

  #break(reason: string, Kind = ChannelBroken): void {
    if (this.#broken) return;
    this.#broken = new Kind(`the connection to the sandbox is broken: ${reason}`);
    this.#pipe.close();
    this.#parts = [];
    this.#waiting?.reject(this.#broken);
  }
}

function parseReply(line: Buffer): Reply | undefined {
  try {
    const parsed = replySchema.safeParse(JSON.parse(line.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
