// Which system calls code in our containers may make: deploy/docker/seccomp.json, an allow-list of our own that is
// narrower than the engine's default. What is not in it fails with EPERM: io_uring, userfaultfd, keys, BPF, perf events,
// ptrace and reading other processes' memory, name spaces, mounts, modules, clocks, 32-bit calls.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The profile as the engine's API takes it: its text, not its path. */
export const seccompProfile: string = JSON.stringify(
  JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'docker', 'seccomp.json'), 'utf8')),
);
