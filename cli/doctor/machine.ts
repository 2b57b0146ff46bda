// What `doctor` looks at on any machine.

import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RuntimeComponent } from '../../shared/sandbox/runtime-advisories.ts';
import type { CliContext } from '../context.ts';
import { bytes } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { findGpus } from '../setup/gpus.ts';
import { runQuietly } from '../spawned.ts';
import { absent, broken, type Check, ok } from './check.ts';

/** Below this a run soon fails for want of space. */
const leastFreeBytes = 2 * 2 ** 30;

export function nodeCheck(): Check {
  return ok('Node', process.versions.node);
}

export function gpuCheck(cli: CliContext): Check {
  const gpus = findGpus(cli.env);
  return gpus.length === 0 ? absent('GPU', 'none; attempts run on CPU slots') : ok('GPU', gpus.join(', '));
}

/** Of the file system with the least room; a directory that is not there yet is passed over. */
export function diskCheck(directories: readonly string[]): Check {
  const there = directories.filter((directory) => existsSync(directory));
  const room = (there.length === 0 ? ['.'] : there).map((directory) => {
    const { bavail, bsize } = statfsSync(directory);
    return { directory, free: bavail * bsize };
  });
  const [tightest = { directory: '.', free: 0 }] = room.sort((one, other) => one.free - other.free);
  const { directory, free } = tightest;
  if (free >= leastFreeBytes) return ok('Disk', `${bytes(free)} free`);
  return broken('Disk', `only ${bytes(free)} free for ${directory}`, ['Free some space.']);
}

/** Labels and keys must be nobody else's to read. */
export function secretsChecks(paths: readonly string[]): Check[] {
  return paths
    .filter((path) => existsSync(path) && (statSync(path).mode & 0o077) !== 0)
    .map((path) => broken('Permissions', `${path} can be read by others`, [`chmod go= ${path}`]));
}

/** Below this somebody should issue a new one; `up` does so by itself. */
const soonDays = 30;

export function certificatesIn(directory: string): string[] {
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.crt')) : [];
  return names.map((name) => join(directory, name));
}

export async function certificateChecks(files: readonly string[]): Promise<Check[]> {
  if (files.length === 0) return [];
  const { describeCertificate } = await import('../../shared/pki/authority.ts');
  const left = files.map((path) => {
    const { notAfter } = describeCertificate(readFileSync(path));
    return { file: basename(path), days: Math.floor((notAfter.getTime() - Date.now()) / 86_400_000) };
  });
  const [first = { file: '', days: 0 }] = left.sort((one, other) => one.days - other.days);
  const name = 'Certificates';
  if (first.days >= soonDays) {
    return [ok(name, `${files.length}, the first ends in ${first.days} days (${first.file})`)];
  }
  const detail = first.days < 0 ? `${first.file} has expired` : `${first.file} ends in ${first.days} days`;
  const next = ['Issue it anew: doubleblind pki init or pki issue; docs/operations.md says how daemons take it.'];
  return [broken(name, detail, next)];
}

/** How the engine separates sandboxes from the host, and what is known against it. */
export async function isolationChecks(socket: string): Promise<Check[]> {
  const { engineFacts } = await import('../setup/docker-engine.ts');
  const facts = await engineFacts(socket);
  if (facts === undefined) return [];
  const { components, securityOptions, runtimes } = facts;
  const remapped = securityOptions.some((option) => option.includes('name=userns'));
  const words = [
    securityOptions.some((option) => option.includes('name=seccomp')) ? 'seccomp' : 'no seccomp',
    remapped ? 'users remapped' : 'users not remapped',
    runtimes.includes('runsc') ? 'gVisor there' : 'no gVisor',
  ];
  return [ok('Isolation', words.join(', ')), ...(await advisoryChecks(components))];
}

/** What is known against versions of the runtime. */
export async function advisoryChecks(components: readonly RuntimeComponent[]): Promise<Check[]> {
  const { runtimeAdvisories } = await import('../../shared/sandbox/runtime-advisories.ts');
  return runtimeAdvisories(components).map(({ cve, text }) =>
    absent('Runtime', `${cve}, see whether it is mended`, [text]),
  );
}

/** What a sandbox must not reach, and how one is made to see. */
export interface Look {
  readonly unreachable: readonly string[];
  readonly unseen: readonly string[];
  /** Words for gpu-agent/main-sandbox-check.ts: who makes the sandbox. */
  readonly maker: readonly string[];
}

/** Looks out of a sandbox: one is made as attempts have it, and removed. */
export async function labelsCheck(cli: CliContext, { unreachable, unseen, maker }: Look): Promise<Check> {
  const { status, output } = await runQuietly(cli, 'gpu-agent/main-sandbox-check.ts', [
    ...maker,
    ...unreachable.flatMap((address) => ['--unreachable', address]),
    ...unseen.flatMap((path) => ['--unseen', path]),
  ]);
  const name = 'Labels';
  if (status !== 0) return broken(name, oneLine(output));
  const { sees } = JSON.parse(output) as { sees: string[] };
  if (sees.length === 0) {
    const what = unreachable.length === 0 ? 'nothing of ours' : 'neither the evaluator nor anything of ours';
    return ok(name, `a sandbox has no network, and sees ${what} on this machine`);
  }
  const next = ['Run nothing on this host until that has an explanation: SECURITY.md.'];
  return broken(name, `a sandbox reaches ${sees.join(', ')}`, next);
}
