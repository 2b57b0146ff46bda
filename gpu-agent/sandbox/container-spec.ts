// What is asked of the engine for one sandbox, as a pure function of its spec. What all containers of
// the project have in common is in shared/sandbox; every limit of the sandbox stands here;
// inspect-check.ts proves afterwards that the engine made exactly this.
//
// Files live in memory: /work, /out and /tmp are tmpfs, so what they hold counts against `memoryBytes` too. Their sizes
// together stay below three quarters of the memory, so that a full disk is seen as such and not as an out-of-memory.

import {
  type ContainerOptions,
  type HostOptions,
  hardenedHost,
  sandboxUser,
} from '../../shared/sandbox/container-options.ts';
import type { SandboxPurpose, SandboxSpec } from './sandbox.ts';

/** The first process; see toolbox.py. It reaps the dead, so there is no init of the engine before it. */
const toolboxCommand = ['/usr/bin/python3', '-I', '-S', '-u', '/opt/doubleblind/toolbox.py'] as const;

export const labels = {
  installation: 'doubleblind.installation',
  run: 'doubleblind.run',
  attempt: 'doubleblind.attempt',
  epoch: 'doubleblind.epoch',
  slot: 'doubleblind.slot',
  purpose: 'doubleblind.purpose',
} as const;

const mebibyte = 2 ** 20;

/** POSIX shared memory: little on a CPU (joblib then uses /tmp), more where PyTorch's loaders pass tensors through it. */
const shmBytes = { cpu: 64 * mebibyte, gpu: 1024 * mebibyte } as const;

/** One file for every 4 KiB, but no more: each inode costs the kernel about 1 KiB that no size limit sees. */
const mostInodes = 200_000;

/** How `diskBytes` is shared out; each place is a mount of its own, so that none can starve another. */
const diskShares = { '/work': 0.6, '/out': 0.2, '/tmp': 0.2 } as const;

/** What of a sandbox is the host's own. */
interface SandboxHost {
  readonly installation: string;
  /** Holds the socket of the package index; mounted where the spec asks for it. */
  readonly packagesDirectory?: string | undefined;
  /** The engine's runtime; its default one where absent. */
  readonly runtime?: string | undefined;
}

export function containerOptions(
  spec: SandboxSpec,
  imageId: string,
  { installation, packagesDirectory, runtime }: SandboxHost,
): ContainerOptions {
  return {
    Image: imageId,
    User: sandboxUser,
    Entrypoint: [],
    Cmd: [...toolboxCommand],
    WorkingDir: '/work',
    Env: environmentOf(spec),
    Labels: {
      [labels.installation]: installation,
      [labels.run]: spec.runId,
      [labels.attempt]: spec.attemptId,
      [labels.epoch]: String(spec.epoch),
      [labels.slot]: spec.slotId,
      [labels.purpose]: spec.purpose,
    },
    Tty: false,
    // Input stays open when a daemon goes: the next one attaches to the same process.
    OpenStdin: true,
    StdinOnce: false,
    NetworkDisabled: true,
    HostConfig: hostOptions(spec, spec.packages === true ? packagesDirectory : undefined, runtime),
  };
}

function hostOptions(
  spec: SandboxSpec,
  packagesDirectory: string | undefined,
  runtime: string | undefined,
): HostOptions {
  return hardenedHost({
    runtime,
    pids: spec.pids,
    memoryBytes: spec.memoryBytes,
    cpus: spec.cpus,
    shmBytes: spec.device === undefined ? shmBytes.cpu : shmBytes.gpu,
    fileBytes: spec.diskBytes,
    tmpfs: writablePlaces(spec),
    mounts: [
      { source: spec.bundleDirectory, target: '/data' },
      ...(packagesDirectory === undefined ? [] : [{ source: packagesDirectory, target: '/run/doubleblind' }]),
    ],
    ...(spec.device === undefined ? {} : { device: spec.device }),
  });
}

/** Owner and mode come from the image's own directories: Docker 20.10 ignores `mode=` for a user other than root. */
function writablePlaces(spec: SandboxSpec): Record<string, string> {
  const total = Math.min(spec.diskBytes, spec.memoryBytes * 0.75);
  const places: Record<string, string> = {};
  for (const [place, share] of Object.entries(diskShares)) {
    const bytes = Math.floor((total * share) / 4096) * 4096;
    const inodes = Math.min(mostInodes, Math.max(64, Math.floor(bytes / 4096)));
    places[place] = `rw,exec,nosuid,nodev,size=${bytes},nr_inodes=${inodes},uid=10001,gid=10001`;
  }
  return places;
}

function environmentOf(spec: SandboxSpec): string[] {
  return Object.entries(sandboxEnvironment(spec)).map(([name, value]) => `${name}=${value}`);
}

/** Environment of every process in the sandbox; the spec's own entries win, except over HOME. */
export function sandboxEnvironment(spec: Pick<SandboxSpec, 'cpus' | 'environment'>): Record<string, string> {
  const threads = String(Math.max(1, Math.floor(spec.cpus)));
  return {
    LANG: 'C.UTF-8',
    PYTHONDONTWRITEBYTECODE: '1',
    // Without it, what a program had printed before it was ended would be lost.
    PYTHONUNBUFFERED: '1',
    OMP_NUM_THREADS: threads,
    OPENBLAS_NUM_THREADS: threads,
    MKL_NUM_THREADS: threads,
    NUMEXPR_MAX_THREADS: threads,
    LOKY_MAX_CPU_COUNT: threads,
    ...spec.environment,
    HOME: '/work',
  };
}

/** True where the text names a purpose. */
export function isPurpose(text: string | undefined): text is SandboxPurpose {
  return text === 'explore' || text === 'cleanSlate';
}
