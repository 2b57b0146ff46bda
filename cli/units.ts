// What systemd says of our daemons on this machine: one call for all of them.

import { execFile } from 'node:child_process';
import type { CliContext } from './context.ts';
import { findProgram } from './setup/command.ts';

export interface Unit {
  /** `active`, `inactive`, `failed` or another state of systemd. */
  readonly active: string;
  /** Such as `running` or `auto-restart`. */
  readonly sub: string;
  /** How often systemd has started it again. */
  readonly restarts: number;
  /** Why it ended: `success`, `exit-code`, `watchdog` … */
  readonly result: string;
  /** What it gives the daemon's program. */
  readonly flags: readonly string[];
}

const properties = ['Id', 'LoadState', 'ActiveState', 'SubState', 'NRestarts', 'Result', 'ExecStart'];
/** systemd answers in milliseconds; one that hangs is as good as none. */
const patienceMs = 5000;

/** The units that are there, by name without `.service`; undefined where there is no systemd to ask. */
export async function readUnits(
  cli: CliContext,
  names: readonly string[],
): Promise<ReadonlyMap<string, Unit> | undefined> {
  const program = findProgram('systemctl', cli.env);
  if (program === undefined) return undefined;
  const words = ['show', '--no-pager', `--property=${properties.join(',')}`, ...names.map((name) => `${name}.service`)];
  const output = await new Promise<string | undefined>((resolve) => {
    execFile(program, words, { timeout: patienceMs }, (error, stdout) => resolve(error === null ? stdout : undefined));
  });
  if (output === undefined) return undefined;
  return new Map(output.split(/\n\n+/).flatMap(readUnit));
}

function readUnit(block: string): [string, Unit][] {
  const told = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const),
  );
  const word = (property: string): string => told.get(property) ?? '';
  const name = word('Id').replace(/\.service$/, '');
  if (name === '' || word('LoadState') !== 'loaded') return [];
  const unit = {
    ...{ active: word('ActiveState'), sub: word('SubState'), result: word('Result') },
    restarts: Number(word('NRestarts')) || 0,
    flags: flagsIn(word('ExecStart')),
  };
  return [[name, unit]];
}

/** `{ path=… ; argv[]=/usr/…/node /usr/…/main.ts --config FILE ; ignore_errors=no ; … }`: what follows the program's file. */
function flagsIn(execStart: string): string[] {
  const [, argv = ''] = /argv\[\]=(.*?) ; ignore_errors=/.exec(execStart) ?? [];
  const words = argv.split(' ');
  return words.slice(words.findIndex((word) => word.endsWith('.ts')) + 1);
}
