// The process as a shell has it: that it ends, and with all that it had to say.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sampleCandidate, sampleRun } from './testing/sample-run.ts';
import { type StubCoordinator, startStubCoordinator } from './testing/stub-coordinator.ts';

let stub: StubCoordinator;
/** Takes connections and never says a word. */
let mute: Server;
let child: ChildProcess | undefined;

// The output is longer than a pipe holds.
const candidates = Array.from({ length: 60 }, (_, index) =>
  sampleCandidate({ candidateId: `c-${index}`, number: index + 1, note: 'x'.repeat(20_000) }),
);

beforeEach(async () => {
  stub = await startStubCoordinator({ data: { run: sampleRun(), candidates } });
  mute = createServer().listen(0, '127.0.0.1');
  await once(mute, 'listening');
});
afterEach(async () => {
  child?.kill('SIGKILL');
  mute.close();
  await stub.stop();
});

function start(words: readonly string[]) {
  const main = join(import.meta.dirname, 'main.ts');
  const started = spawn(process.execPath, [main, ...words, '--state-dir', stub.stateDirectory], { stdio: 'pipe' });
  child = started;
  let [out, error] = ['', ''];
  started.stdout.on('data', (data) => {
    out += data;
  });
  started.stderr.on('data', (data) => {
    error += data;
  });
  const ended = once(started, 'close').then(([code]) => ({ code: code as number | null, out, error }));
  return { started, ended };
}

function muteAddress(): string {
  return `127.0.0.1:${(mute.address() as AddressInfo).port}`;
}

test('a peer that takes the connection and says nothing is told of, and the process ends', async () => {
  const { code, error } = await start(['node', 'ls', '--coordinator', muteAddress()]).ended;
  expect(code).toBe(69);
  expect(error).toContain('did not answer within 15000 ms');
}, 60_000);

test.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
  'a second %s ends what waits for such a peer at once',
  async (signal) => {
    const connected = once(mute, 'connection');
    const { started, ended } = start(['node', 'ls', '--coordinator', muteAddress()]);
    await connected;
    const again = setInterval(() => started.kill(signal), 50);
    const beganMs = performance.now();
    const { code } = await ended;
    clearInterval(again);
    expect(code).toBe(130);
    // Its patience with the peer is 15 s.
    expect(performance.now() - beganMs).toBeLessThan(8000);
  },
);

test('output that a pipe does not hold at once arrives whole', async () => {
  const { code, out } = await start(['results', '-o', 'json', '--coordinator', stub.address]).ended;
  expect(code).toBe(0);
  expect(out.length).toBeGreaterThan(200_000);
  expect(() => JSON.parse(out) as unknown).not.toThrow();
});
