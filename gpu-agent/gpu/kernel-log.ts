// Follows the kernel's log for the failures of GPUs, by journalctl, which a group may read (systemd-journal) where the log itself is root's.
// Owns: the process. Leaves to xid.ts what a line means. Where it cannot be followed that is told once, and nvidia-smi is all there is.

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock } from '../../shared/clock.ts';
import { type Logger, messageChain } from '../../shared/log.ts';
import type { GpuFaults } from './gpus.ts';
import { parseXid } from './xid.ts';

export interface KernelLogOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly program?: string;
}

const parameters = ['--dmesg', '--follow', '--output=cat', '--quiet'];
/** journalctl ends when journald does. */
const againMs = 10_000;

export function followKernelLog({ clock, log, program = 'journalctl' }: KernelLogOptions): GpuFaults {
  return {
    listen(onXid) {
      let child: ChildProcess | undefined;
      let timer: { cancel(): void } | undefined;
      let stopped = false;
      let told = false;
      const tell = (reason: string): void => {
        if (!told)
          log.warn(
            { reason },
            'the kernel log cannot be followed: failures of GPUs (Xid) are seen only as nvidia-smi tells them',
          );
        told = true;
      };
      const begin = (from: readonly string[]): void => {
        child = startReader(program, [...parameters, ...from], {
          onLine(line) {
            const xid = parseXid(line);
            if (xid !== undefined) onXid(xid);
          },
          onEnd(complaint) {
            if (stopped) return;
            if (complaint !== '') tell(complaint);
            // What comes until then is read then; one that is told twice changes nothing.
            const since = Math.floor(clock.now().getTime() / 1000);
            timer = clock.after(againMs, () => begin([`--since=@${since}`, '--lines=all']));
          },
        });
      };
      begin(['--lines=0']);
      return {
        stop() {
          stopped = true;
          timer?.cancel();
          child?.kill();
        },
      };
    },
  };
}

interface Heard {
  readonly onLine: (line: string) => void;
  /** Told once, with what went wrong; empty where nothing did. */
  readonly onEnd: (complaint: string) => void;
}

/** Undefined where it cannot be started: a host that is short of memory or files need not end its agent for that. */
function startReader(program: string, words: readonly string[], { onLine, onEnd }: Heard): ChildProcess | undefined {
  let child: ChildProcess;
  try {
    child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    onEnd(messageChain(error));
    return;
  }
  let complaint = '';
  child.once('error', (error) => onEnd(error.message));
  child.once('exit', (code) => onEnd(code === 0 ? '' : complaint.trim() || `${program} ended with ${code}`));
  // Without a file to spare there are no streams: the error says so.
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(0, 500);
  });
  const { stdout } = child as Partial<ChildProcess>;
  if (stdout) createInterface({ input: stdout }).on('line', onLine);
  return child;
}
