// Packages in the real sandbox, whose network is none: what pip reaches, what is pinned, what the clean-slate run gets.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { readTree } from '../../shared/store/tree.ts';
import {
  type DockerForTests,
  dockerForTests,
  removeAll,
  sampleBundle,
  sampleSpec,
} from '../sandbox/sandbox-fixture.ts';
import { openRig, type Rig } from '../testing/agent-rig.ts';
import { type ScriptedTurn, scriptedCall, scriptedModel } from '../testing/scripted-model.ts';
import type { PackageOffer } from './package-offer.ts';
import { type PackageServer, startPackageServer } from './package-server.ts';
import { makeWheel } from './test-wheel.ts';
import { openWheelFolder } from './wheel-folder.ts';

/** pip alone takes two seconds of an idle processor, and these tests meet busy ones. */
const timeout = 400_000;

let docker: DockerForTests | undefined;
let directory: string;
let wheels: string;
let server: PackageServer;
let offer: PackageOffer;
let rig: Rig;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'p-'));
  docker = await dockerForTests({ packagesDirectory: join(directory, 'packages') });
}, 900_000);
beforeEach(async () => {
  wheels = mkdtempSync(join(directory, 'w-'));
  const index = openWheelFolder(wheels);
  server = await startPackageServer(join(directory, 'packages'), index, silentLogger);
  offer = { projects: () => index.projects() };
  rig = await openRig();
});
afterEach(async () => {
  await rig.remove();
  if (docker !== undefined) await removeAll(docker.engine);
  await server.stop();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const helper = makeWheel('helper', '2.0', 'level = 0.5\n');
const tool = makeWheel('tool', '1.0', 'import helper\nanswer = helper.level * 2\n', ['helper>=1']);

function offerWheels(): void {
  for (const { fileName, bytes } of [helper, tool]) writeFileSync(join(wheels, fileName), bytes);
}

const program = `import tool
with open("/out/submission.csv", "w") as out:
    print("id,y", *[f"{row},{tool.answer}" for row in (3, 4)], sep="\\n", file=out)
print("the answer is", tool.answer)
`;
const write = scriptedCall('write_file', { path: '/work/solution/main.py', content: program });
const bash = (command: string): ScriptedTurn => scriptedCall('bash', { command });
const submit = scriptedCall('submit', { idea: 'i', changes: 'c' });

async function ended() {
  return await vi.waitFor(
    () => {
      const event = rig.bus.ended('attempt-1');
      if (event === undefined) throw new Error('not ended yet');
      return event.body;
    },
    { timeout, interval: 50 },
  );
}

const limits = { trajectorySeconds: 900, toolSeconds: 280, executionSeconds: 280 };

async function attempt(script: readonly ScriptedTurn[]) {
  if (docker === undefined) throw new Error('no Docker engine');
  const model = scriptedModel(script);
  const agent = await rig.start(model, { engine: docker.engine, packages: offer });
  const order = rig.order({ leaseTtlMs: 600_000 });
  agent.start({ ...order, limits: { ...order.limits, ...limits } });
  const body = await ended();
  const stored = (digest: string | undefined): Buffer => Buffer.from(rig.artifacts.files.get(digest as never) ?? '');
  const solution = await readTree(stored(body.artifacts.solution));
  const lock = solution.find((file) => file.path === 'requirements.lock')?.bytes.toString('utf8');
  const said = model.requests.map(({ messages }) => messages.at(-1)?.content ?? '');
  return {
    body,
    lock,
    said,
    system: model.requests[0]?.messages[0]?.content,
    log: stored(body.artifacts.log).toString(),
  };
}

test('what an attempt installs is pinned by hash, and its clean-slate run gets exactly that', {
  timeout: 180_000,
}, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  offerWheels();
  const before = scriptedCall('python', { code: 'import importlib.util; print(importlib.util.find_spec("tool"))' });
  const after = scriptedCall('python', { code: 'import tool; print("got", tool.answer)' });
  const { body, lock, said, system, log } = await attempt([before, bash('pip install tool'), after, write, submit]);
  expect(system).toContain('`pip install NAME` gets wheels from a read-only index of: helper, tool.');
  expect(said[1]).toContain('None');
  expect(said[3]).toContain('got 1.0');
  expect(body).not.toHaveProperty('failureReason');
  expect(lock).toBe(`helper==2.0 --hash=sha256:${helper.sha256}\ntool==1.0 --hash=sha256:${tool.sha256}\n`);
  expect(log).toBe('the answer is 1.0\n');
});

test('a wheel whose bytes have changed since it was pinned is refused, and the program is not run', {
  timeout,
}, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  const changed = makeWheel('helper', '2.0', 'level = 40\n');
  writeFileSync(join(wheels, helper.fileName), changed.bytes);
  // As a child takes it over from its parent.
  const content = `helper==2.0 --hash=sha256:${helper.sha256}\n`;
  const lock = scriptedCall('write_file', { path: '/work/solution/requirements.lock', content });
  const { body, log } = await attempt([lock, write, submit]);
  expect(body.failureReason).toBe('crash');
  expect(log).toContain('THESE PACKAGES DO NOT MATCH THE HASHES');
  expect(log).toContain('main.py was not run');
});

/** What came of each try. */
const probes = `
import os, socket, subprocess
def ask(head):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect("/run/doubleblind/index.sock")
        s.sendall(head.encode() + b"\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
        return s.makefile("rb").read().split(b"\\r\\n")[0].decode()
def attempt(work):
    try:
        return work()
    except OSError as error:
        return f"{type(error).__name__}"
answers = {
    "list": ask("GET /simple/ HTTP/1.1"),
    "put": ask("PUT /files/tool/tool-1.0-py3-none-any.whl HTTP/1.1"),
    "up": ask("GET /files/tool/../../../../etc/passwd HTTP/1.1"),
    "encoded": ask("GET /files/tool/..%2f..%2fetc%2fpasswd HTTP/1.1"),
    "elsewhere": ask("GET http://169.254.169.254/ HTTP/1.1"),
    "tunnel": ask("CONNECT 169.254.169.254:80 HTTP/1.1") or "closed",
    "write": attempt(lambda: open("/run/doubleblind/x", "w").name),
    "remove": attempt(lambda: os.unlink("/run/doubleblind/index.sock")),
    "chmod": attempt(lambda: os.chmod("/run/doubleblind/index.sock", 0o600)),
    "route": attempt(lambda: socket.create_connection(("192.0.2.1", 80), 5)),
    "interfaces": ",".join(os.listdir("/sys/class/net")),
    "mounted": ",".join(os.listdir("/run/doubleblind")),
}
for name, answer in answers.items():
    print(name, answer, sep=": ")
`;

test('a sandbox reaches the index, and nothing else through it', { timeout }, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  offerWheels();
  const spec = sampleSpec(sampleBundle(), { packages: true });
  const sandbox = await docker.engine.create(spec);
  const { output } = await sandbox.call({ kind: 'python', code: probes }, { timeoutMs: 300_000 });
  const answers = Object.fromEntries(
    output
      .trim()
      .split('\n')
      .map((line) => line.split(': ')),
  );
  expect(answers).toEqual({
    list: 'HTTP/1.1 200 OK',
    put: 'HTTP/1.1 405 Method Not Allowed',
    up: 'HTTP/1.1 404 Not Found',
    encoded: 'HTTP/1.1 404 Not Found',
    elsewhere: 'HTTP/1.1 404 Not Found',
    tunnel: 'closed',
    write: 'OSError',
    remove: 'OSError',
    chmod: 'OSError',
    route: 'OSError',
    interfaces: 'lo',
    mounted: 'index.sock',
  });
});

test('without an index, nothing is mounted and pip says so', { timeout }, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  const sandbox = await docker.engine.create(sampleSpec(sampleBundle()));
  const command = 'ls /run/doubleblind; pip install tool; echo "status $?"';
  const { output } = await sandbox.call({ kind: 'bash', command }, { timeoutMs: 300_000 });
  expect(output).toContain('offers no packages');
  expect(output).toContain('No such file');
  expect(output).toContain('status 1');
});
