// A finding of `doctor`.

import type { CliContext } from '../context.ts';

export interface Check {
  readonly name: string;
  readonly state: 'ok' | 'absent' | 'broken';
  readonly detail: string;
  /** What to do about it. */
  readonly next: readonly string[];
}

export function ok(name: string, detail: string, next: readonly string[] = []): Check {
  return { name, state: 'ok', detail, next };
}

/** Something that is not there, which may be as it should. */
export function absent(name: string, detail: string, next: readonly string[] = []): Check {
  return { name, state: 'absent', detail, next };
}

export function broken(name: string, detail: string, next: readonly string[] = []): Check {
  return { name, state: 'broken', detail, next };
}

export function renderCheck(check: Check, cli: CliContext): string {
  const { style } = cli.stdout;
  const marks = { ok: style.good('✓'), absent: style.dim('–'), broken: style.bad('✗') };
  const next = check.next.map((line) => `    ${line}\n`).join('');
  return `${marks[check.state]} ${check.name.padEnd(16)} ${check.detail}\n${next}`;
}
