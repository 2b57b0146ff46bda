// A sandbox whose work is done by the toolbox inside it, whatever keeps that toolbox running (Docker, or a local child
// process in tests). Owns: turning port calls into toolbox calls and strict reading of what comes back.
// Invariants: what is taken is bounded here as well, and passes the strict tar reader before anybody sees it.

import { z } from 'zod';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { packFiles, readTree, TreeError } from '../../shared/store/tree.ts';
import {
  type ExecuteOptions,
  type Execution,
  type Sandbox,
  SandboxEnded,
  SandboxError,
  type SandboxIdentity,
  SandboxInterrupted,
  type SessionCall,
  type SessionReply,
  type TakeFailure,
} from './sandbox.ts';
import { ChannelBroken, ChannelLate, type SessionChannel } from './session-channel.ts';

/** How a sandbox ended that ended by itself. */
export interface SandboxEnd {
  readonly outOfMemory: boolean;
  /** Ended from outside; see ContainerState. */
  readonly killed: boolean;
}

/** What holds the toolbox. */
export interface ToolboxHolder {
  readonly identity: SandboxIdentity;
  /** The working channel; opens a new one where the old one broke. Throws SandboxError, or ChannelBroken where the sandbox has ended. */
  channel(): Promise<SessionChannel>;
  /** How the sandbox ended, or undefined while it runs. Throws SandboxError where it was removed, SandboxInterrupted where nobody can tell. */
  ended(): Promise<SandboxEnd | undefined>;
  remove(): Promise<void>;
}

const seconds = z.number().nonnegative();
const bytes = z.number().nonnegative();
const replySchema = z.object({
  exitStatus: z.number().int().nullable(),
  output: z.string(),
  outputCharacters: z.number().int().nonnegative(),
  truncated: z.boolean(),
  fullOutputPath: z.string().optional(),
  wallSeconds: seconds,
  peakMemoryBytes: bytes,
  timedOut: z.boolean(),
  outOfMemory: z.boolean(),
  sessionRestarted: z.boolean(),
});
const executionSchema = z.object({
  end: z.enum(['completed', 'crash', 'timeout', 'outOfMemory', 'diskFull', 'cancelled']),
  exitStatus: z.number().int().nullable(),
  log: z.string(),
  wallSeconds: seconds,
  cpuSeconds: seconds,
  peakMemoryBytes: bytes,
});
const verdictSchema = z.object({
  verdict: z.object({ kind: z.enum(['ok', 'missing', 'tooLarge', 'unsafe']), message: z.string().optional() }),
});

/** Taking ends all processes first and then reads memory: half a minute is long. */
const takeTimeoutMs = 60_000;
/** A tar has a header of 512 bytes and padding per file. */
const tarOverheadBytes = 2 ** 20 + 10_000 * 2048;
const mostEntries = 10_000;

export class ToolboxSandbox implements Sandbox {
  readonly #holder: ToolboxHolder;

  constructor(holder: ToolboxHolder) {
    this.#holder = holder;
  }

  get identity(): SandboxIdentity {
    return this.#holder.identity;
  }

  async call(
    call: SessionCall,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<SessionReply> {
    const { kind, ...fields } = call;
    const started = performance.now();
    try {
      const reply = await this.#ask(kind, fields, options);
      const { fullOutputPath, ...rest } = readReply(replySchema, reply);
      return fullOutputPath === undefined ? rest : { ...rest, fullOutputPath };
    } catch (error) {
      const end = await this.#endedBehind(error);
      return replyOfTheDead(end, (performance.now() - started) / 1000);
    }
  }

  async execute(command: readonly string[], options: ExecuteOptions): Promise<Execution> {
    const { signal, timeoutMs, ...fields } = options;
    const started = performance.now();
    try {
      const reply = await this.#ask('execute', { argv: command, ...fields }, { timeoutMs, signal });
      return readReply(executionSchema, reply);
    } catch (error) {
      const end = await this.#endedBehind(error);
      return {
        end: end.outOfMemory ? 'outOfMemory' : 'crash',
        exitStatus: 137,
        log: 'the sandbox ended while the program ran\n',
        wallSeconds: (performance.now() - started) / 1000,
        cpuSeconds: 0,
        peakMemoryBytes: 0,
        ...(end.killed && { sandboxKilled: true }),
      };
    }
  }

  async putTree(tar: Uint8Array, directory: string): Promise<void> {
    const reply = await this.#ask('putTree', { path: directory }, { timeoutMs: takeTimeoutMs, feed: tar });
    const { verdict } = readReply(verdictSchema, reply);
    if (verdict.kind !== 'ok') {
      throw new SandboxError(`files could not be put into the sandbox at ${directory}: ${verdict.message ?? ''}`);
    }
  }

  async takeTree(directory: string, maxBytes: number): Promise<Result<Uint8Array, TakeFailure>> {
    const tar = await this.#take('takeTree', directory, maxBytes, maxBytes + tarOverheadBytes);
    if (!tar.ok) return tar;
    try {
      return ok(await packFiles(await readTree(tar.value, { totalBytes: maxBytes, entries: mostEntries })));
    } catch (error) {
      if (error instanceof TreeError) return err({ kind: 'unsafe', message: error.message });
      throw error;
    }
  }

  async takeFile(path: string, maxBytes: number): Promise<Result<Uint8Array, TakeFailure>> {
    return await this.#take('takeFile', path, maxBytes, maxBytes);
  }

  async quiet(): Promise<void> {
    try {
      await this.#holder.channel();
    } catch (error) {
      if (!(error instanceof ChannelBroken)) throw error;
    }
  }

  async remove(): Promise<void> {
    await this.#holder.remove();
  }

  async #take(
    op: string,
    path: string,
    maxBytes: number,
    mostReceived: number,
  ): Promise<Result<Uint8Array, TakeFailure>> {
    const chunks: Buffer[] = [];
    let received = 0;
    const onChunk = (chunk: Buffer): void => {
      received += chunk.length;
      if (received <= mostReceived) chunks.push(chunk);
    };
    const reply = await this.#ask(op, { path, maxBytes }, { timeoutMs: takeTimeoutMs, onChunk });
    const { verdict } = readReply(verdictSchema, reply);
    if (verdict.kind !== 'ok') return err({ kind: verdict.kind, message: verdict.message ?? `${path} was refused` });
    if (received > mostReceived) return err({ kind: 'tooLarge', message: `${path} has more than ${maxBytes} bytes` });
    return ok(Buffer.concat(chunks));
  }

  async #ask(op: string, fields: Record<string, unknown>, options: Parameters<SessionChannel['call']>[2]) {
    try {
      return await (await this.#holder.channel()).call(op, fields, options);
    } catch (error) {
      if (!(error instanceof ChannelBroken) || op === 'execute' || isSessionCall(op)) throw error;
      const { outOfMemory } = await this.#endedBehind(error);
      throw new SandboxEnded('the sandbox has ended, and its files are gone', { outOfMemory, cause: error });
    }
  }

  /** Tells an end of the sandbox, which its own code may have brought about, from a way to it that is broken. */
  async #endedBehind(error: unknown): Promise<SandboxEnd> {
    if (!(error instanceof ChannelBroken)) throw error;
    const end = await this.#holder.ended();
    if (end) return end;
    if (error instanceof ChannelLate)
      throw new SandboxError(`${error.message}; the attempt is to start again`, { cause: error });
    throw new SandboxInterrupted(error.message, { cause: error });
  }
}

function isSessionCall(op: string): boolean {
  return ['bash', 'python', 'readFile', 'writeFile', 'editFile'].includes(op);
}

function readReply<Schema extends z.ZodType>(schema: Schema, reply: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(reply);
  if (parsed.success) return parsed.data;
  throw new SandboxError('the toolbox gave an answer of another shape; build the sandbox image anew', {
    cause: parsed.error,
  });
}

function replyOfTheDead(end: SandboxEnd, wallSeconds: number): SessionReply {
  const output = end.outOfMemory
    ? 'the sandbox ended: it ran out of memory, and its files are gone\n'
    : 'the sandbox ended, and its files are gone\n';
  return {
    exitStatus: null,
    output,
    outputCharacters: output.length,
    truncated: false,
    wallSeconds,
    peakMemoryBytes: 0,
    timedOut: false,
    outOfMemory: end.outOfMemory,
    sessionRestarted: true,
  };
}
