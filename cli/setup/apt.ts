// Packages of the distribution, through apt-get and nothing else.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { CliError, exitCodes } from '../exit-codes.ts';
import { type CommandOptions, findProgram, runLogged } from './command.ts';
import type { Missing } from './step.ts';

export interface Machine {
  readonly isRoot: boolean;
  readonly hasApt: boolean;
  readonly hasSystemd: boolean;
  /** `Debian GNU/Linux 12 (bookworm)`, or the platform where that is not known. */
  readonly system: string;
}

export function inspectMachine(env: Readonly<Record<string, string | undefined>>): Machine {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return {
    isRoot: process.getuid?.() === 0,
    hasApt: findProgram('apt-get', env) !== undefined,
    hasSystemd: existsSync('/run/systemd/system'),
    system: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? process.platform,
  };
}

/** Why a package cannot be installed by us here, with the command for a person; undefined where it can. */
export function missingPackage(machine: Machine, what: string, debianPackage: string): Missing | undefined {
  if (machine.isRoot && machine.hasApt) return undefined;
  if (machine.hasApt) return { what: `${what} (not root)`, commands: [`sudo apt-get install -y ${debianPackage}`] };
  return {
    what: `${what} (${machine.system} has no apt-get)`,
    commands: [`install ${what} with this system's own means; on Debian it is the package ${debianPackage}`],
  };
}

const quiet = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
/** Somebody else's apt-get may hold the lock; five minutes are more than an unattended upgrade takes. */
const lockTimeout = ['-o', 'DPkg::Lock::Timeout=300'];

/** Installs packages; refreshes the lists where they are empty or too old for it, and mends an interrupted dpkg. */
export async function aptInstall(
  packages: readonly string[],
  options: Omit<CommandOptions, 'onLine'>,
  report: (line: string) => void,
): Promise<void> {
  const run = async (command: readonly string[]): Promise<readonly string[] | undefined> => {
    const end = await runLogged(command, { ...options, env: quiet, onLine: aptProgress(report) });
    options.signal.throwIfAborted();
    return end.status === 0 ? undefined : end.lastLines;
  };
  const install = ['apt-get', ...lockTimeout, 'install', '-y', '--no-install-recommends', ...packages];
  if (listsAreEmpty()) await run(['apt-get', ...lockTimeout, 'update']);
  if ((await run(install)) === undefined) return;
  await run(['dpkg', '--configure', '-a']);
  await run(['apt-get', ...lockTimeout, 'update']);
  const output = await run(install);
  if (output === undefined) return;
  const reason = output.findLast((line) => /^E: /.test(line)) ?? output.at(-1) ?? 'no output';
  throw new CliError(exitCodes.precondition, `apt-get could not install ${packages.join(', ')}: ${reason}`, [
    `See that this works, then repeat your command: apt-get install -y ${packages.join(' ')}`,
    `The whole output is in ${options.logFile}.`,
  ]);
}

function listsAreEmpty(): boolean {
  const folder = '/var/lib/apt/lists';
  if (!existsSync(folder)) return true;
  return !readdirSync(folder).some((name) => name.includes('_Packages'));
}

/** Lets through what a person follows: what is fetched and set up. */
function aptProgress(report: (line: string) => void): (line: string) => void {
  return (line) => {
    const words = aptWords(line);
    if (words !== undefined) report(words);
  };
}

/** A line of apt-get in our words; undefined where it is of no interest. */
export function aptWords(line: string): string | undefined {
  const fetched = /^Get:\d+ \S+ \S+ (?:\S+ )?(\S+) (?:\S+ )?(\S+ )?(\[[^\]]+\])/.exec(line);
  if (fetched !== null) return `fetching ${fetched[1]} ${fetched[3]}`;
  return /^(Unpacking |Setting up |Need to get )/.test(line) ? line.trim() : undefined;
}
