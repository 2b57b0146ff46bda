// The port through which the agent has code run. Implementations: DockerSandbox (dockerode) and FakeSandbox (tests).
//
// Contract, proven for both by sandbox.contract.test.ts:
// 1. A sandbox has no network (the socket of a package index where the spec asks for it), a read-only root, the bundle at /data read-only, and writable /work, /out and /tmp
//    that together hold at most `diskBytes`.
// 2. `call` talks to stateful sessions: what a shell or an interpreter call leaves behind, the next one finds.
//    A call that runs out of time ends with its whole process tree; the session is restarted and the reply says so.
// 3. `execute` runs one command to its end and tells crash, time-out, out-of-memory and a full disk apart.
// 4. `remove` leaves nothing behind: no container, no mount, no process. It may be called twice.
// 5. A sandbox lives on when the daemon dies; `SandboxEngine.list` finds it by its labels, `adopt` takes it up again.
// 6. Where the way to it is lost in the middle, a call rejects with SandboxInterrupted, never with an end of the code that ran. A session call to a
//    sandbox that has ended is answered with that; other calls to it reject with SandboxEnded.

import type { AttemptId, RunId, SlotId } from '../../shared/core/ids.ts';
import type { Result } from '../../shared/core/result.ts';
import type { HostCheck } from '../../shared/sandbox/container-host.ts';
import { SandboxEnded, SandboxError, SandboxInterrupted } from '../../shared/sandbox/sandbox-error.ts';

export { SandboxEnded, SandboxError, SandboxInterrupted };

/** For what is asked of a sandbox: undefined where it has ended, other failures as they are. */
export function noneWhereEnded(error: unknown): undefined {
  if (!(error instanceof SandboxEnded)) throw error;
}

/** For what is asked of a sandbox in which nothing ran yet: if it has ended, that was its engine's doing. */
export function interruptedWhereEnded(error: unknown): never {
  if (!(error instanceof SandboxEnded)) throw error;
  throw new SandboxInterrupted('the sandbox ended before anything ran in it', { cause: error });
}

/** What a sandbox is for: the trajectory's own one, or the clean-slate run's. */
export type SandboxPurpose = 'explore' | 'cleanSlate';

/** What to build. */
export interface SandboxSpec {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly slotId: SlotId;
  readonly purpose: SandboxPurpose;
  /** Image by digest (`sha256:…`), one that the host allows; the host's own where absent. */
  readonly image?: string;
  /** Host directory with the task's public bundle; appears at /data. */
  readonly bundleDirectory: string;
  /** Whether the socket of the host's package index appears at /run/doubleblind. */
  readonly packages?: boolean;
  /** GPU or MIG UUID to pass through; absent on a CPU slot. */
  readonly device?: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly pids: number;
  /** Extra environment of every process in the sandbox. Never a secret. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Identity that a sandbox carries as labels. */
export interface SandboxIdentity {
  readonly containerId: string;
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly slotId: SlotId;
  readonly purpose: SandboxPurpose;
  readonly running: boolean;
}

/** One call of a stateful session. */
export type SessionCall =
  | { readonly kind: 'bash'; readonly command: string }
  | { readonly kind: 'python'; readonly code: string }
  /** `limit` lines after the first `offset`. */
  | { readonly kind: 'readFile'; readonly path: string; readonly offset: number; readonly limit: number }
  | { readonly kind: 'writeFile'; readonly path: string; readonly content: string }
  | { readonly kind: 'editFile'; readonly path: string; readonly old: string; readonly new: string };

/** What came of a session call. Output is bounded inside the sandbox; `outputCharacters` is the full length. */
export interface SessionReply {
  /** Exit status of a command; 0 or 1 for python and file calls; null where it was ended by us. */
  readonly exitStatus: number | null;
  readonly output: string;
  readonly outputCharacters: number;
  readonly truncated: boolean;
  /** Where the full text lies inside the sandbox when `truncated`. */
  readonly fullOutputPath?: string;
  readonly wallSeconds: number;
  /** Peak memory of the sandbox so far, in bytes; 0 where the kernel does not tell. */
  readonly peakMemoryBytes: number;
  readonly timedOut: boolean;
  /** True where the kernel ended a process for want of memory during the call. */
  readonly outOfMemory: boolean;
  /** True where the session was restarted, so its variables or working directory are gone. */
  readonly sessionRestarted: boolean;
}

/** How a one-off execution ended. */
export type ExecutionEnd = 'completed' | 'crash' | 'timeout' | 'outOfMemory' | 'diskFull' | 'cancelled';

/** What came of `execute`. */
export interface Execution {
  readonly end: ExecutionEnd;
  readonly exitStatus: number | null;
  /** Standard output and error in order of arrival, bounded: the first and last parts are kept. */
  readonly log: string;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
  /** The whole sandbox was killed while it ran, maybe by its engine; the end is a crash. */
  readonly sandboxKilled?: boolean;
}

export interface ExecuteOptions {
  readonly directory: string;
  readonly timeoutMs: number;
  readonly maxLogBytes: number;
  readonly signal?: AbortSignal;
}

/** Why nothing could be taken out of a sandbox. */
export type TakeFailure = { readonly kind: 'missing' | 'tooLarge' | 'unsafe'; readonly message: string };

/** A running sandbox. */
export interface Sandbox {
  readonly identity: SandboxIdentity;
  call(
    call: SessionCall,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<SessionReply>;
  execute(command: readonly string[], options: ExecuteOptions): Promise<Execution>;
  /** Unpacks a tar below a writable directory of the sandbox. */
  putTree(tar: Uint8Array, directory: string): Promise<void>;
  /** The directory as a tar without links or devices, at most `maxBytes`. */
  takeTree(directory: string, maxBytes: number): Promise<Result<Uint8Array, TakeFailure>>;
  /** One regular file, at most `maxBytes`. */
  takeFile(path: string, maxBytes: number): Promise<Result<Uint8Array, TakeFailure>>;
  /** After an interruption: ends what a call left under way. Resolves when nothing is; rejects while the engine is away. */
  quiet(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes and finds sandboxes on this host. */
export interface SandboxEngine {
  /** Creates, verifies that the engine made what was asked for, and starts. Throws SandboxError. */
  create(spec: SandboxSpec): Promise<Sandbox>;
  /** All sandboxes of this installation on the host, running or not. */
  list(): Promise<SandboxIdentity[]>;
  /** Ends what an earlier daemon's call left under way in a sandbox, which keeps its sessions and files. */
  silence(containerId: string): Promise<void>;
  /** Takes up a running sandbox again after a restart of the daemon. */
  adopt(containerId: string): Promise<Sandbox>;
  /** Removes by id; no error where it is gone already. */
  remove(containerId: string): Promise<void>;
  /** Throws SandboxError where the engine does not answer or the image is missing; says what to do. */
  check(): Promise<HostCheck>;
}
