// What is asked of the engine for one call of a grader, as a pure function.

import { type ContainerOptions, hardenedHost, sandboxUser } from '../../shared/sandbox/container-options.ts';

export interface GraderLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
}

/** Host directories of one call. */
export interface GraderPlaces {
  /** grade.py, harness.py and call.json. */
  readonly grader: string;
  readonly answers: string;
  readonly submission: string;
}

export const installationLabel = 'doubleblind.grader';

const mebibyte = 2 ** 20;
/** A grader is one process; numpy's threads and a helper or two fit. */
const processes = 64;
const temporaryBytes = 64 * mebibyte;

export function graderContainer(
  imageId: string,
  installation: string,
  places: GraderPlaces,
  limits: GraderLimits,
): ContainerOptions {
  return {
    Image: imageId,
    User: sandboxUser,
    Entrypoint: [],
    Cmd: ['/usr/bin/python3', '-I', '-u', '/grader/harness.py'],
    WorkingDir: '/tmp',
    Env: ['LANG=C.UTF-8', 'HOME=/tmp', 'PYTHONDONTWRITEBYTECODE=1', 'OMP_NUM_THREADS=1', 'OPENBLAS_NUM_THREADS=1'],
    Labels: { [installationLabel]: installation },
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    NetworkDisabled: true,
    HostConfig: hardenedHost({
      pids: processes,
      memoryBytes: limits.memoryBytes,
      cpus: limits.cpus,
      shmBytes: 16 * mebibyte,
      fileBytes: temporaryBytes,
      tmpfs: { '/tmp': `rw,noexec,nosuid,nodev,size=${temporaryBytes},nr_inodes=4096,uid=10001,gid=10001` },
      mounts: [
        { source: places.grader, target: '/grader' },
        { source: places.answers, target: '/answers' },
        { source: places.submission, target: '/submission' },
      ],
    }),
  };
}
