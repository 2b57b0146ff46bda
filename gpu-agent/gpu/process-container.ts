// Which container a process of this host is in, by its control group: `/system.slice/docker-ID.scope`, `/docker/ID` or, of cgroup v1,
// a line for each controller. An id is 64 hex digits, the innermost comes last.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Its id; `none` where the process is in no container; undefined where that cannot be known: it has ended, or may not be looked at. */
export function containerOfProcess(pid: number, procDirectory = '/proc'): string | undefined {
  try {
    const groups = readFileSync(join(procDirectory, String(pid), 'cgroup'), 'utf8');
    return groups.match(/\b[0-9a-f]{64}\b/g)?.at(-1) ?? 'none';
  } catch {
    return undefined;
  }
}
