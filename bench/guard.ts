// A benchmark in a process of its own, so that no process and no directory of it is left behind however it ends. A container that it
// began is the engine's, and has an end of its own.
//
// Invariant: what was started under it carries the name of its temporary directory in its environment, daemons that left its session
// too; when it has ended these are ended by their ids, and then the directory goes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** In its environment: it is the benchmark itself. */
const mark = 'DOUBLEBLIND_BENCH_DIRECTORY';

/** True in the process that does the work. */
export function isGuarded(): boolean {
  return process.env[mark] !== undefined;
}

/** Runs this very command again in a process of its own; gives its exit status, or that of a shell for a signal. */
export async function runGuarded(): Promise<number> {
  // Short: paths of sockets lie below it.
  const directory = mkdtempSync(join(tmpdir(), 'db-bench-'));
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    detached: true,
    env: { ...process.env, TMPDIR: directory, [mark]: directory },
  });
  let status = 0;
  for (const [signal, number] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const, ['SIGHUP', 129] as const]) {
    process.on(signal, () => {
      status = number;
      child.kill('SIGKILL');
    });
  }
  const [code] = (await once(child, 'exit')) as [number | null];
  for (let round = 0; round < mostRounds && endThoseOf(directory); round += 1) await soon();
  rmSync(directory, { recursive: true, force: true });
  return status === 0 ? (code ?? 1) : status;
}

/** One that is ended may have begun another meanwhile. */
const mostRounds = 50;

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 100));
}

/** Ends what carries the directory in its environment; false where nothing did. */
function endThoseOf(directory: string): boolean {
  const wanted = `${mark}=${directory}\0`;
  let found = false;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(wanted)) continue;
      process.kill(Number(pid), 'SIGKILL');
      found = true;
    } catch {
      // It has ended, or is not ours to look at.
    }
  }
  return found;
}
