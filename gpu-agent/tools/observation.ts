// What the model reads of a tool call: the output, what happened to it, and a footer with the figures.

import type { Remaining } from '../core/trajectory.ts';
import type { SessionReply } from '../sandbox/sandbox.ts';

/** Characters of one output that are shown; the sandbox bounds its own outputs to the same. */
const shownStart = 6000;
const shownEnd = 2000;

/** The observation of a call that ran in the sandbox. */
export function observationOf(
  reply: SessionReply,
  remaining: Remaining,
  timeoutSeconds: number,
  rerun = false,
): string {
  const lines: string[] = [];
  if (rerun)
    lines.push(
      '(The host was restarted during this call, so it was run again; what the session remembered may be gone.)',
    );
  const output = reply.output.replace(/\n$/, '');
  lines.push(output === '' ? '(no output)' : output);
  if (reply.truncated) lines.push(truncationLine(reply));
  if (reply.timedOut) {
    lines.push(`timed out: ended, with all its processes, after ${timeoutSeconds.toFixed(0)} s`);
  }
  if (reply.outOfMemory) lines.push('out of memory: the kernel ended a process of the sandbox during this call');
  if (reply.sessionRestarted) {
    lines.push('session restarted: variables, imports and the working directory are gone; files are as they were');
  }
  lines.push(footer(reply, remaining));
  return lines.join('\n');
}

function truncationLine(reply: SessionReply): string {
  const where = reply.fullOutputPath === undefined ? '' : `; full text: ${reply.fullOutputPath}`;
  return `truncated: true (showing first ${shownStart} and last ${shownEnd} of ${reply.outputCharacters} characters${where})`;
}

function footer(reply: SessionReply, remaining: Remaining): string {
  const exit = reply.exitStatus === null ? 'ended' : `exit ${reply.exitStatus}`;
  const parts = [exit, `${reply.wallSeconds.toFixed(2)} s`];
  if (reply.peakMemoryBytes > 0) parts.push(`peak ${(reply.peakMemoryBytes / 1e6).toFixed(0)} MB`);
  parts.push(remainingText(remaining));
  return `[${parts.join(' · ')}]`;
}

/** The observation of a call that needed no sandbox, or that was refused. */
export function plainObservation(text: string, exitStatus: number, remaining: Remaining): string {
  return `${bounded(text)}\n[exit ${exitStatus} · ${remainingText(remaining)}]`;
}

function remainingText(remaining: Remaining): string {
  const last = remaining.turns === 1 ? ' · the last turn: submit now' : '';
  return `remaining: ${remaining.turns} turns, ${remaining.seconds} s${last}`;
}

function bounded(text: string): string {
  if (text.length <= shownStart + shownEnd) return text;
  return (
    `${text.slice(0, shownStart)}\n…\n${text.slice(-shownEnd)}\n` +
    `truncated: true (showing first ${shownStart} and last ${shownEnd} of ${text.length} characters)`
  );
}
