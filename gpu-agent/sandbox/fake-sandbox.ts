// UNSAFE, for tests and the simulated host only: sandboxes as plain directories in which the real toolbox runs as a child
// process of ours, with no isolation whatever. Never run code in it that you would not run yourself.
//
// What it keeps of the port's contract: sessions, time-outs that end process trees, strict taking, listing, adopting.
// What it does not: the network, the limits of memory, disk and processes, the read-only root. /work, /data, /out and /tmp
// are mapped to directories by rewriting these paths in commands, code and files; a path built at run time is not seen.
// A `script` answers calls and executions in place of the toolbox, for outcomes that a plain process cannot have.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Result } from '../../shared/core/result.ts';
import { ok } from '../../shared/core/result.ts';
import type { Bounds } from '../../shared/sandbox/container-host.ts';
import type { ContainerPipe } from '../../shared/sandbox/container-pipe.ts';
import { packFiles, readTree } from '../../shared/store/tree.ts';
import { sandboxEnvironment } from './container-spec.ts';
import {
  type ExecuteOptions,
  type Execution,
  type Sandbox,
  type SandboxEngine,
  SandboxError,
  type SandboxIdentity,
  type SandboxSpec,
  type SessionCall,
  type SessionReply,
  type TakeFailure,
} from './sandbox.ts';
import { SessionChannel } from './session-channel.ts';
import { type ToolboxHolder, ToolboxSandbox } from './toolbox-sandbox.ts';

/** What a script may do besides answering. */
interface FakeStage {
  readonly spec: SandboxSpec;
  /** Writes a file at a path as the sandbox sees it, such as /out/submission.csv. */
  write(path: string, content: string | Uint8Array): Promise<void>;
}

/** Answers in place of the toolbox; `undefined` lets the toolbox run the call. */
export interface FakeScript {
  call?(call: SessionCall, stage: FakeStage): Promise<Partial<SessionReply> | undefined>;
  execute?(command: readonly string[], stage: FakeStage): Promise<Partial<Execution> | undefined>;
}

export interface FakeSandboxOptions {
  /** A directory of the engine's own; engines over the same one see the same sandboxes. */
  readonly root: string;
  readonly script?: FakeScript;
  /** Python 3.9 or newer. */
  readonly python?: string;
  /** What PATH the code sees. */
  readonly searchPath?: string;
  /** What it says that it allows; nothing holds the code to it. */
  readonly largest?: Bounds;
}

interface Box {
  readonly identity: SandboxIdentity;
  readonly spec: SandboxSpec;
  readonly directory: string;
  readonly root: string;
  process: ChildProcess | undefined;
}

/** Stands for the host's engine: it outlives an engine object as Docker outlives the daemon. */
const boxes = new Map<string, Box>();
const toolbox = join(import.meta.dirname, '..', 'tools', 'session', 'toolbox.py');
const helloTimeoutMs = 30_000;

export function createFakeSandboxEngine(options: FakeSandboxOptions): SandboxEngine {
  const mine = (): Box[] => [...boxes.values()].filter((box) => box.root === options.root);
  return {
    create: (spec) => Promise.resolve(new FakeSandbox(makeBox(spec, options.root), options)),
    list: () => Promise.resolve(mine().map(({ identity }) => identity)),
    silence: async (containerId) => {
      const box = mine().find(({ identity }) => identity.containerId === containerId);
      if (box?.process !== undefined) await new FakeHolder(box, options).channel();
    },
    adopt: (containerId) => {
      const box = mine().find(({ identity }) => identity.containerId === containerId);
      if (!box) throw new SandboxError(`sandbox ${containerId.slice(0, 12)} no longer runs; start it afresh`);
      return Promise.resolve(new FakeSandbox(box, options));
    },
    remove: async (containerId) => {
      const box = mine().find(({ identity }) => identity.containerId === containerId);
      if (box) await removeBox(box);
    },
    check: () =>
      Promise.resolve({
        engineVersion: 'fake',
        imageDigest: 'fake',
        ...(options.largest && { largest: options.largest }),
      }),
  };
}

function makeBox(spec: SandboxSpec, root: string): Box {
  const containerId = randomBytes(32).toString('hex');
  const directory = join(root, containerId.slice(0, 12));
  for (const place of ['work', 'out', 'tmp']) mkdirSync(join(directory, place), { recursive: true });
  symlinkSync(spec.bundleDirectory, join(directory, 'data'));
  writeFileSync(join(directory, 'UNSAFE'), 'A sandbox of the fake engine: no isolation.\n');
  const { runId, attemptId, epoch, slotId, purpose } = spec;
  const identity = { containerId, runId, attemptId, epoch, slotId, purpose, running: true };
  const box: Box = { identity, spec, directory, root, process: undefined };
  boxes.set(containerId, box);
  return box;
}

async function removeBox(box: Box): Promise<void> {
  boxes.delete(box.identity.containerId);
  const child = box.process;
  if (child && child.exitCode === null && child.signalCode === null) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.end(); // the toolbox ends all that it started, then itself
    await gone;
  }
  await rm(box.directory, { recursive: true, force: true });
}

class FakeHolder implements ToolboxHolder {
  readonly identity: SandboxIdentity;
  readonly #box: Box;
  readonly #options: FakeSandboxOptions;
  #channel: SessionChannel | undefined;

  constructor(box: Box, options: FakeSandboxOptions) {
    this.identity = box.identity;
    this.#box = box;
    this.#options = options;
  }

  async channel(): Promise<SessionChannel> {
    if (!boxes.has(this.identity.containerId)) throw new SandboxError('the sandbox was removed');
    if (this.#channel && !this.#channel.broken) return this.#channel;
    this.#box.process ??= startToolbox(this.#box, this.#options);
    this.#channel = new SessionChannel(pipeTo(this.#box.process));
    await this.#channel.hello(helloTimeoutMs);
    return this.#channel;
  }

  ended(): Promise<undefined> {
    if (!boxes.has(this.identity.containerId)) throw new SandboxError('the sandbox was removed');
    return Promise.resolve(undefined);
  }

  async remove(): Promise<void> {
    this.#channel?.close();
    await removeBox(this.#box);
  }
}

function startToolbox(box: Box, options: FakeSandboxOptions): ChildProcess {
  const env = {
    ...sandboxEnvironment(box.spec),
    PATH: options.searchPath ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: join(box.directory, 'work'),
    TMPDIR: join(box.directory, 'tmp'),
  };
  const child = spawn(options.python ?? 'python3', ['-I', '-S', '-u', toolbox, '--local', box.directory], {
    env,
    cwd: join(box.directory, 'work'),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.once('error', () => undefined); // seen as the end of its output
  return child;
}

function pipeTo(child: ChildProcess): ContainerPipe {
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new SandboxError('the toolbox could not be started; is python3 installed?');
  stdin.on('error', () => undefined);
  let onChunk: ((chunk: Buffer) => void) | undefined;
  return {
    write: (data) => {
      stdin.write(data);
    },
    listen: (onData, onEnd) => {
      onChunk = onData;
      stdout.on('data', onData);
      stdout.once('close', () => onEnd('the toolbox ended'));
    },
    close: () => {
      if (onChunk) stdout.off('data', onChunk);
    },
  };
}

class FakeSandbox implements Sandbox {
  readonly #box: Box;
  readonly #inner: ToolboxSandbox;
  readonly #script: FakeScript;
  readonly #stage: FakeStage;

  constructor(box: Box, options: FakeSandboxOptions) {
    this.#box = box;
    this.#inner = new ToolboxSandbox(new FakeHolder(box, options));
    this.#script = options.script ?? {};
    this.#stage = {
      spec: box.spec,
      write: async (path, content) => {
        const target = join(box.directory, path);
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, content);
      },
    };
  }

  get identity(): SandboxIdentity {
    return this.#box.identity;
  }

  async call(
    call: SessionCall,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<SessionReply> {
    const scripted = await this.#script.call?.(call, this.#stage);
    if (scripted) return { ...plainReply, outputCharacters: scripted.output?.length ?? 0, ...scripted };
    const reply = await this.#inner.call(mapCall(call, this.#box.directory), options);
    return { ...reply, output: this.#unmap(reply.output) };
  }

  async execute(command: readonly string[], options: ExecuteOptions): Promise<Execution> {
    const scripted = await this.#script.execute?.(command, this.#stage);
    if (scripted) return { ...plainExecution, ...scripted };
    const mapped = command.map((part) => mapPaths(part, this.#box.directory));
    const execution = await this.#inner.execute(mapped, options);
    return { ...execution, log: this.#unmap(execution.log) };
  }

  async putTree(tar: Uint8Array, directory: string): Promise<void> {
    await this.#inner.putTree(await rewriteTexts(tar, (text) => mapPaths(text, this.#box.directory)), directory);
  }

  async takeTree(directory: string, maxBytes: number): Promise<Result<Uint8Array, TakeFailure>> {
    const taken = await this.#inner.takeTree(directory, maxBytes);
    return taken.ok ? ok(await rewriteTexts(taken.value, (text) => this.#unmap(text))) : taken;
  }

  takeFile(path: string, maxBytes: number): Promise<Result<Uint8Array, TakeFailure>> {
    return this.#inner.takeFile(path, maxBytes);
  }

  quiet(): Promise<void> {
    return this.#inner.quiet();
  }

  async remove(): Promise<void> {
    await this.#inner.remove();
  }

  #unmap(text: string): string {
    return text.replaceAll(this.#box.directory, '');
  }
}

const plainReply: SessionReply = {
  exitStatus: 0,
  output: '',
  outputCharacters: 0,
  truncated: false,
  wallSeconds: 0,
  peakMemoryBytes: 0,
  timedOut: false,
  outOfMemory: false,
  sessionRestarted: false,
};
const plainExecution: Execution = {
  end: 'completed',
  exitStatus: 0,
  log: '',
  wallSeconds: 0,
  cpuSeconds: 0,
  peakMemoryBytes: 0,
};

const placePattern = /(?<![\w./-])\/(work|data|out|tmp)(?![\w.-])/g;

function mapPaths(text: string, directory: string): string {
  return text.replace(placePattern, (_, place: string) => join(directory, place));
}

/** File calls name paths that the toolbox maps itself; only texts are rewritten here. */
function mapCall(call: SessionCall, directory: string): SessionCall {
  const map = (text: string): string => mapPaths(text, directory);
  switch (call.kind) {
    case 'bash':
      return { ...call, command: map(call.command) };
    case 'python':
      return { ...call, code: map(call.code) };
    case 'writeFile':
      return { ...call, content: map(call.content) };
    case 'editFile':
      return { ...call, old: map(call.old), new: map(call.new) };
    case 'readFile':
      return call;
  }
}

const longestText = 2 ** 20;

async function rewriteTexts(tar: Uint8Array, rewrite: (text: string) => string): Promise<Buffer> {
  const files = await readTree(tar);
  return await packFiles(
    files.map((file) => {
      const text = file.bytes.length <= longestText ? file.bytes.toString('utf8') : undefined;
      const isText = text !== undefined && Buffer.from(text).equals(file.bytes);
      return isText ? { ...file, bytes: Buffer.from(rewrite(text)) } : file;
    }),
  );
}
