// A Debian file system as a tar, made by mmdebstrap from the package source of this machine. No registry is needed.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { aptOptions, debianSources } from './apt-sources.ts';
import { type ProgramEnd, progressFilter, reasonOf, runProgram } from './command-line.ts';

/** Of minbase, what no program reads; makes the base about as small as the registry's "slim". */
const leftOut = ['doc', 'man', 'info', 'locale', 'groff', 'lintian'];

interface Progress {
  /** Receives one line of progress at a time. */
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface DebianRootOptions extends Progress {
  readonly suite: string;
  /** Where the tar goes. */
  readonly tar: string;
  /** Packages besides the minimal set. */
  readonly include: readonly string[];
  /** A directory for what is needed on the way. */
  readonly scratch: string;
}

/** Makes the tar; throws an Error whose sentence names the next step. */
export async function makeDebianRoot({ log, signal, suite, tar, include, scratch }: DebianRootOptions): Promise<void> {
  const sources = await writeSources(suite, scratch);
  const apt = await runProgram('apt-config', ['dump'], { signal });
  const parameters = [
    '--variant=minbase',
    ...(include.length === 0 ? [] : [`--include=${include.join(',')}`]),
    ...leftOut.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
    '--dpkgopt=force-unsafe-io',
    ...aptOptions(apt.lastLines.join('\n')).map((line) => `--aptopt=${line}`),
    suite,
    tar,
    ...sources,
  ];
  const end = await runProgram('mmdebstrap', parameters, { onLine: progressFilter(log), signal });
  if (end.status !== 0) {
    throw new Error(`mmdebstrap failed: ${reasonOf(end)}; see that apt-get update works on this machine`);
  }
}

/** True where mmdebstrap can be used; installs it where root may. */
export async function haveMmdebstrap(options: Progress): Promise<boolean> {
  const there = async (): Promise<boolean> =>
    (await runProgram('mmdebstrap', ['--version'], { signal: options.signal })).status === 0;
  const root = userInfo().uid === 0;
  if (!root) return false;
  if (await there()) return true;
  options.log('installing mmdebstrap');
  const apt = (parameters: readonly string[]): Promise<ProgramEnd> =>
    runProgram('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', ...parameters], {
      onLine: progressFilter(options.log),
      signal: options.signal,
    });
  const install = ['install', '-y', '--no-install-recommends', 'mmdebstrap'];
  if ((await apt(install)).status !== 0) {
    await apt(['update']);
    await apt(install);
  }
  return await there();
}

/** The machine's Debian sources as files for mmdebstrap; none where it has none of this suite. */
async function writeSources(suite: string, scratch: string): Promise<string[]> {
  const folder = '/etc/apt/sources.list.d';
  const names = await readdir(folder).catch(() => []);
  const files = ['/etc/apt/sources.list', ...names.sort().map((name) => join(folder, name))];
  const written: string[] = [];
  for (const file of files.filter((name) => /\.(?:list|sources)$/.test(name))) {
    const text = debianSources(file, await readFile(file, 'utf8').catch(() => ''), suite);
    if (text === '') continue;
    const target = join(scratch, `source-${written.length}${file.endsWith('.sources') ? '.sources' : '.list'}`);
    await writeFile(target, text);
    written.push(target);
  }
  return written;
}
