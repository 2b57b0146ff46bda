import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const runDaemonModule = join(import.meta.dirname, 'run-daemon.ts');
const configModule = join(import.meta.dirname, 'config.ts');

/** Runs a daemon whose `start` has this body, and collects what it writes. */
function daemon(start: string, readConfig = "({ logLevel: 'info' })") {
  const program = `
    const { runDaemon } = await import(${JSON.stringify(runDaemonModule)});
    const { ConfigError } = await import(${JSON.stringify(configModule)});
    await runDaemon({ name: 'thing', stopTimeoutMs: 300, readConfig: () => ${readConfig}, start: async (config, { log }) => { ${start} } });`;
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { out: '', error: '' };
  child.stdout?.on('data', (data) => {
    output.out += data;
  });
  child.stderr?.on('data', (data) => {
    output.error += data;
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const ready = (): Promise<void> => expect.poll(() => output.out, { timeout: 10_000 }).toContain('thing is ready');
  return { child, output, code, ready };
}

// Keeps the process busy as a server would.
const serve = 'const timer = setInterval(() => undefined, 1000);';

test('SIGTERM stops a daemon cleanly with exit code 0', async () => {
  const { child, code, output, ready } = daemon(`${serve} return { stop: async () => clearInterval(timer) };`);
  await ready();
  child.kill('SIGTERM');
  expect(await code).toBe(0);
  expect(output.out).toContain('"signal":"SIGTERM"');
});

test('a wrong configuration ends with exit code 2 and lists every problem', async () => {
  const { code, output } = daemon(
    'return {}',
    "{ throw new ConfigError(['listen: is bad', 'tls.ca is missing']) }".replace(/^\{(.*)\}$/, '(() => {$1})()'),
  );
  expect(await code).toBe(2);
  expect(output.error).toBe('thing: the configuration is wrong:\n  listen: is bad\n  tls.ca is missing\n');
});

test('a failed start ends with exit code 1 and a sentence without a stack trace', async () => {
  const { code, output } = daemon("throw new Error('cannot listen', { cause: new Error('address in use') })");
  expect(await code).toBe(1);
  expect(output.error).toBe('thing could not start: cannot listen: address in use\n');
});

test('a late stop and a bug end with exit code 1', async () => {
  const late = daemon(`${serve} return { stop: () => new Promise(() => undefined) };`);
  await late.ready();
  late.child.kill('SIGINT');
  expect(await late.code).toBe(1);
  expect(late.output.out).toContain('did not stop in time');
  const bug = daemon(
    `${serve} setTimeout(() => { throw new Error('a bug'); }, 10); return { stop: async () => clearInterval(timer) };`,
  );
  expect(await bug.code).toBe(1);
  expect(bug.output.out).toContain('a bug');
});

test('a daemon whose done rejects stops what it has and ends with exit code 1', async () => {
  const { code, output } = daemon(
    `return { stop: async () => log.info({}, 'put away'), done: Promise.reject(new Error('the actor died')) };`,
  );
  expect(await code).toBe(1);
  expect(output.out).toMatch(/the actor died[\s\S]*put away/);
});

test('a second daemon on the same state directory is refused with exit code 2, and the one after a kill -9 is not', async () => {
  const state = mkdtempSync(join(tmpdir(), 'doubleblind-daemon-'));
  const config = `({ logLevel: 'info', stateDirectory: ${JSON.stringify(state)} })`;
  const body = `${serve} return { stop: async () => clearInterval(timer) };`;
  const first = daemon(body, config);
  await first.ready();
  const second = daemon(body, config);
  expect(await second.code).toBe(2);
  expect(second.output.error).toBe(
    `thing could not start: another thing (pid ${first.child.pid}) works on ${state}; stop it first\n`,
  );
  expect(second.output.out).not.toContain('is ready');
  first.child.kill('SIGKILL');
  const third = daemon(body, config);
  await third.ready();
  third.child.kill('SIGTERM');
  expect(await third.code).toBe(0);
  rmSync(state, { recursive: true });
});
