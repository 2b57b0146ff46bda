// Builds the Debian package: the daemons, the command line, production dependencies and the Node runtime below
// /usr/lib/doubleblind, units and users where systemd looks for them, documentation.
// Owns: what goes into the package and with which modes. Leaves to systemd/*.service how a daemon runs.
// Invariants: the checkout is only read; everything is made in a directory of its own, which goes away again; the same sources
// give the same files with the same times.

import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runProgram } from '../docker/command-line.ts';

const repository = join(import.meta.dirname, '..', '..');
const home = 'usr/lib/doubleblind';

/** What of the checkout is needed at run time. */
const folders = [
  'coordinator',
  'gpu-agent',
  'evaluator-node',
  'llm-gateway',
  'shared',
  'proto',
  'cli',
  'tasks',
  'deploy/bin/certificate-check.ts',
  'deploy/bin/daemon-schemas.ts',
  'deploy/bin/main-show-config.ts',
  'deploy/docker',
  'deploy/nats',
  'deploy/network',
];
const leftOut =
  /\.test\.ts$|\.test-support\.ts$|(^|\/)(testing|__pycache__|baseline)(\/|$)|(^|\/)(generate|main-simulated)\.ts$/;

/** Where files that systemd and dpkg want elsewhere go: from deploy/, to the package, mode. */
const placed: readonly (readonly [from: string, to: string, mode: number])[] = [
  ['debian/doubleblind', 'usr/bin/doubleblind', 0o755],
  ['systemd/doubleblind.sysusers', 'usr/lib/sysusers.d/doubleblind.conf', 0o644],
  ['systemd/doubleblind.tmpfiles', 'usr/lib/tmpfiles.d/doubleblind.conf', 0o644],
  ['debian/copyright', 'usr/share/doc/doubleblind/copyright', 0o644],
  ['debian/lintian-overrides', 'usr/share/lintian/overrides/doubleblind', 0o644],
];
/** What an operator starts from, beside the configuration's examples. */
const others = [
  'prometheus/prometheus.yml',
  'prometheus/alerts.yml',
  'grafana/doubleblind.json',
  'slurm/gpu-agent.sbatch',
  'kubernetes/gpu-agent.yaml',
];
const scripts = ['postinst', 'prerm', 'postrm'];
const maintainer = 'Doubleblind developers <doubleblind@localhost.localdomain>';
/** 1 January 2026: reproducible, and later than what dpkg calls ancient. */
const fileTime = new Date('2026-01-01T00:00:00Z');

export interface PackageOptions {
  /** The directory that the package is written to. */
  readonly outputDirectory: string;
  /** The Node binary that goes in. */
  readonly node: string;
  /** One line of progress at a time. */
  readonly log: (line: string) => void;
}

/** Builds it and returns its path; throws an Error with the last words of the program that failed. */
export async function buildPackage({ outputDirectory, node, log }: PackageOptions): Promise<string> {
  const stage = await mkdtemp(join(tmpdir(), 'doubleblind-deb-'));
  try {
    await chmod(stage, 0o755);
    log('copying the daemons and the command line');
    await copySources(stage, node);
    log('installing production dependencies');
    await must('npm', [
      'ci',
      '--omit=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefix',
      join(stage, home),
    ]);
    await prune(join(stage, home, 'node_modules'));
    await placeFiles(stage);
    const path = await writeControl(stage, outputDirectory);
    log('packing');
    await must('dpkg-deb', ['--root-owner-group', '-Zxz', '-z1', '--build', stage, path]);
    return path;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

async function copySources(stage: string, node: string): Promise<void> {
  const target = join(stage, home);
  for (const folder of folders) {
    await cp(join(repository, folder), join(target, folder), {
      recursive: true,
      filter: (path) => !leftOut.test(relative(repository, path)),
    });
  }
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
    await cp(join(repository, file), join(target, file));
  }
  await mkdir(join(target, 'bin'), { recursive: true });
  await cp(node, join(target, 'bin/node'), { dereference: true });
  await must('strip', ['--strip-unneeded', join(target, 'bin/node')]).catch(() => undefined);
}

const unusedFolder = /^(prebuilds|tests?|__tests__|examples|bench|benchmarks|\.github|\.husky)$/;

/** What no daemon loads: the development runner, native parts for another runtime, types and documentation of dependencies. */
async function prune(directory: string): Promise<void> {
  for (const name of ['tsx', 'esbuild', '@esbuild', '.bin', 'get-tsconfig', 'resolve-pkg-maps', '@types']) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const unused =
      /\.(map|d\.ts|d\.cts|d\.mts|md|markdown|flow|html|sh)$|^\.(package-lock\.json|npmignore|git.*|eslint.*)$/i;
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && unused.test(entry.name)) await rm(path, { force: true });
    if (entry.isDirectory() && unusedFolder.test(entry.name)) await rm(path, { recursive: true, force: true });
  }
}

async function placeFiles(stage: string): Promise<void> {
  const deploy = join(repository, 'deploy');
  for (const [from, to, mode] of placed) {
    await mkdir(dirname(join(stage, to)), { recursive: true });
    await cp(join(deploy, from), join(stage, to));
    await chmod(join(stage, to), mode);
  }
  for (const unit of (await readdir(join(deploy, 'systemd'))).filter((name) => /\.(service|target)$/.test(name))) {
    await mkdir(join(stage, 'lib/systemd/system'), { recursive: true });
    await cp(join(deploy, 'systemd', unit), join(stage, 'lib/systemd/system', unit));
  }
  const documents = join(stage, 'usr/share/doc/doubleblind');
  for (const name of (await readdir(join(repository, 'docs'))).filter((entry) => entry.endsWith('.md'))) {
    await cp(join(repository, 'docs', name), join(documents, name));
  }
  await compress(await readFile(join(repository, 'CHANGELOG.md')), join(documents, 'changelog.gz'));
  await compress(await debianChangelog(), join(documents, 'changelog.Debian.gz'));
  await compress(
    await readFile(join(deploy, 'debian/doubleblind.1')),
    join(stage, 'usr/share/man/man1/doubleblind.1.gz'),
  );
  await cp(join(deploy, 'debian/examples'), join(documents, 'examples'), { recursive: true });
  for (const file of others) {
    await mkdir(join(documents, 'examples', dirname(file)), { recursive: true });
    await cp(join(deploy, file), join(documents, 'examples', file));
  }
  await mkdir(join(stage, 'etc/doubleblind'), { recursive: true });
}

async function compress(content: string | Buffer, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, gzipSync(content, { level: 9 }));
}

async function debianChangelog(): Promise<string> {
  const date = fileTime.toUTCString().replace('GMT', '+0000');
  return `doubleblind (${await packageVersion()}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${maintainer}  ${date}\n`;
}

/** Writes DEBIAN/, evens out modes and times, and returns where the package goes. */
async function writeControl(stage: string, outputDirectory: string): Promise<string> {
  const sums: string[] = [];
  let bytes = 0;
  const entries = await readdir(stage, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) continue;
    if (entry.isFile()) {
      const { size } = await stat(path);
      bytes += Math.ceil(size / 1024) * 1024;
      sums.push(
        `${createHash('md5')
          .update(await readFile(path))
          .digest('hex')}  ${relative(stage, path)}`,
      );
      await chmod(path, isProgram(relative(stage, path)) ? 0o755 : 0o644);
    } else await chmod(path, 0o755);
    await utimes(path, fileTime, fileTime);
  }
  const control = join(stage, 'DEBIAN');
  await mkdir(control);
  const version = await packageVersion();
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const template = await readFile(join(import.meta.dirname, 'control'), 'utf8');
  const filled = template
    .replace('@MAINTAINER@', maintainer)
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@SIZE@', String(Math.ceil(bytes / 1024)));
  await writeFile(join(control, 'control'), filled);
  await writeFile(join(control, 'md5sums'), `${sums.sort((left, right) => (left < right ? -1 : 1)).join('\n')}\n`);
  for (const name of scripts) {
    await cp(join(import.meta.dirname, name), join(control, name));
    await chmod(join(control, name), 0o755);
  }
  await mkdir(outputDirectory, { recursive: true });
  return join(outputDirectory, `doubleblind_${version}_${architecture}.deb`);
}

function isProgram(path: string): boolean {
  return path.startsWith('usr/bin/') || path.startsWith(`${home}/bin/`);
}

/** Our version and the package's revision of it. */
async function packageVersion(): Promise<string> {
  const value: unknown = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'));
  if (typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string') {
    return `${value.version}-1`;
  }
  throw new Error('package.json has no version');
}

async function must(program: string, parameters: readonly string[]): Promise<void> {
  const end = await runProgram(program, parameters);
  if (end.missing) throw new Error(`there is no ${program}; install it and run this again`);
  if (end.status !== 0) throw new Error(`${program} failed: ${end.lastLines.slice(-5).join(' ')}`);
}
