// What every container that runs code of others has in common, as pure functions: no network, a read-only root, an
// unprivileged user, no capabilities, few system calls, limits of memory, processors, processes and files.
// inspect-check.ts proves afterwards that the engine made exactly this.

import { seccompProfile } from './seccomp.ts';

/** The user of every process in such a container; the image has it. */
export const sandboxUser = '10001:10001';

/** The body of the engine's create request, as far as we use it. */
export interface ContainerOptions {
  readonly Image: string;
  readonly User: string;
  readonly Entrypoint: string[];
  readonly Cmd: string[];
  readonly WorkingDir: string;
  readonly Env: string[];
  readonly Labels: Record<string, string>;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  readonly NetworkDisabled: boolean;
  readonly HostConfig: HostOptions;
}

/** Its limits. */
export interface HostOptions {
  /** Absent for the engine's default. */
  readonly Runtime?: string;
  readonly NetworkMode: string;
  readonly ReadonlyRootfs: boolean;
  readonly Privileged: boolean;
  readonly CapDrop: string[];
  readonly SecurityOpt: string[];
  readonly PidsLimit: number;
  readonly Memory: number;
  readonly MemorySwap: number;
  readonly NanoCpus: number;
  readonly ShmSize: number;
  readonly IpcMode: string;
  readonly Init: boolean;
  readonly AutoRemove: boolean;
  readonly RestartPolicy: { Name: string; MaximumRetryCount: number };
  readonly LogConfig: { Type: string; Config: Record<string, string> };
  readonly Ulimits: { Name: string; Soft: number; Hard: number }[];
  readonly Tmpfs: Record<string, string>;
  readonly Mounts: {
    Type: 'bind';
    Source: string;
    Target: string;
    ReadOnly: boolean;
    BindOptions: { Propagation: 'rprivate' };
  }[];
  readonly DeviceRequests: { Driver: string; Count: number; DeviceIDs: string[]; Capabilities: string[][] }[];
}

/** What differs between containers. */
export interface HostLimits {
  readonly pids: number;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly shmBytes: number;
  /** Largest file that a process may write. */
  readonly fileBytes: number;
  /** Mount options of each writable place. */
  readonly tmpfs: Record<string, string>;
  /** Host directories, read-only. */
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
  /** GPU or MIG UUID. */
  readonly device?: string;
  /** The engine's runtime, such as runsc; its default one where absent. */
  readonly runtime?: string | undefined;
}

/** The host part of a create request. */
export function hardenedHost(limits: HostLimits): HostOptions {
  return {
    ...(limits.runtime === undefined ? {} : { Runtime: limits.runtime }),
    NetworkMode: 'none',
    ReadonlyRootfs: true,
    Privileged: false,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges', `seccomp=${seccompProfile}`],
    PidsLimit: limits.pids,
    Memory: limits.memoryBytes,
    MemorySwap: limits.memoryBytes,
    NanoCpus: Math.round(limits.cpus * 1e9),
    ShmSize: limits.shmBytes,
    IpcMode: 'private',
    Init: false,
    AutoRemove: false,
    RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    LogConfig: { Type: 'none', Config: {} },
    Ulimits: [
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'nofile', Soft: 4096, Hard: 4096 },
      { Name: 'fsize', Soft: limits.fileBytes, Hard: limits.fileBytes },
    ],
    Tmpfs: limits.tmpfs,
    Mounts: limits.mounts.map(({ source, target }) => ({
      Type: 'bind',
      Source: source,
      Target: target,
      ReadOnly: true,
      BindOptions: { Propagation: 'rprivate' },
    })),
    DeviceRequests:
      limits.device === undefined
        ? []
        : [{ Driver: 'nvidia', Count: 0, DeviceIDs: [limits.device], Capabilities: [['gpu']] }],
  };
}
