// The proxy in front of the engine's socket against somebody who has taken over the gpu-agent.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { SandboxSpec } from '../../../gpu-agent/sandbox/sandbox.ts';
import { dockerForTests, removeAll, sampleBundle, sampleSpec } from '../../../gpu-agent/sandbox/sandbox-fixture.ts';
import { sandboxKind, sandboxSpecSchema } from '../../../gpu-agent/sandbox/sandbox-kind.ts';
import { silentLogger } from '../../../shared/log.ts';
import { createContainerHost } from '../../../shared/sandbox/container-host.ts';
import { connectDocker } from '../../../shared/sandbox/docker-engine.ts';
import { connectContainerHost } from '../../../shared/sandbox/proxy-client.ts';
import { startProxyServer } from '../../../shared/sandbox/proxy-server.ts';
import { hostileRequests } from './hostile-requests.ts';

const docker = await dockerForTests();
const bundle = sampleBundle();

describe.skipIf(!docker)('the sandbox proxy', () => {
  if (!docker) return;
  const { engine, socketPath, image } = docker;
  const real = connectDocker();
  const host = connectContainerHost<SandboxSpec>(socketPath);
  const foreignKind = sandboxKind({ image, installation: `test-${randomBytes(4).toString('hex')}` });
  const foreignHost = createContainerHost(real, foreignKind);
  afterAll(async () => {
    await removeAll(engine);
    for (const { id } of await foreignHost.list()) await foreignHost.remove(id);
  });

  /** Whatever comes back until the other side ends it. */
  const say = (bytes: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(socketPath);
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
      socket.end(bytes);
    });

  test('refuses every hostile request, and the engine has not changed', async () => {
    const ours = await host.create(sampleSpec(bundle));
    const foreign = await foreignHost.create(sampleSpec(bundle));
    const requests = hostileRequests(bundle, ours, foreign);
    expect(requests.length).toBeGreaterThanOrEqual(50);
    const accepted: string[] = [];
    for (const { goal, bytes } of requests) {
      const answer = await say(bytes);
      // Of a container that is not ours, `state` says the same as of one that is not there.
      const refused = answer.startsWith('{"ok":false,') || answer === '{"ok":true,"value":null}\n';
      if (!refused) accepted.push(`${goal}: ${answer.slice(0, 200)}`);
    }
    expect(accepted).toEqual([]);
    expect((await host.list()).map(({ id }) => id)).toEqual([ours]);
    expect((await foreignHost.list()).map(({ id, running }) => [id, running])).toEqual([[foreign, false]]);
    await host.remove(ours);
    await foreignHost.remove(foreign);
    process.stdout.write(`sandbox proxy: ${requests.length} hostile requests, 0 accepted\n`);
  });

  test('positive control: the engine itself takes keys in any case and odd paths, and gives a privileged container', async () => {
    const body = { image, hostconfig: { privileged: true, binds: ['/:/host'] }, labels: { 'doubleblind.test': '1' } };
    const created = await post('/v1.24/containers/create', body);
    const id = (JSON.parse(created) as { Id: string }).Id;
    try {
      expect(await real.inspect(id)).toMatchObject({ HostConfig: { Privileged: true, Binds: ['/:/host'] } });
    } finally {
      await real.remove(id);
    }
  });

  test('positive control: an honest request makes a sandbox with our filter of system calls, and it works', async () => {
    const box = await engine.create(sampleSpec(bundle));
    const reply = await box.call({ kind: 'bash', command: 'cat /data/train.csv | wc -l' }, { timeoutMs: 20_000 });
    expect(reply.output).toBe('3\n');
    const inspected = await real.inspect(box.identity.containerId);
    expect(JSON.stringify(inspected)).toContain('SCMP_ACT_ERRNO');
    await box.remove();
  });

  test('a bundle that is a symbolic link to another place is seen by the kernel and ends the sandbox', async () => {
    const root = mkdtempSync(join(tmpdir(), 'doubleblind-link-'));
    const secret = mkdtempSync(join(tmpdir(), 'doubleblind-secret-'));
    symlinkSync(secret, join(root, 'bundle'));
    const before = (await host.list()).length;
    await expect(engine.create(sampleSpec(join(root, 'bundle')))).rejects.toThrow(
      /no part of that path may be a symbolic/,
    );
    // A link in a parent is one too.
    symlinkSync(root, join(secret, 'way'));
    mkdirSync(join(root, 'real'));
    await expect(engine.create(sampleSpec(join(secret, 'way/real')))).rejects.toThrow(/symbolic link/);
    expect((await host.list()).length).toBe(before);
    rmSync(root, { recursive: true });
    rmSync(secret, { recursive: true });
  });

  test('no more sandboxes are made than the host has room for', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'doubleblind-full-')), 'sandbox.sock');
    const limits = { memoryBytes: 2 ** 33, cpus: 4, diskBytes: 2 ** 33, pids: 4096, containers: 1 };
    const kind = sandboxKind({ image, installation: `test-${randomBytes(4).toString('hex')}`, limits });
    const small = createContainerHost(real, kind);
    const server = await startProxyServer({
      socketPath: path,
      host: small,
      spec: sandboxSpecSchema,
      log: silentLogger,
    });
    const client = connectContainerHost<SandboxSpec>(path);
    const id = await client.create(sampleSpec(bundle));
    await expect(client.create(sampleSpec(bundle))).rejects.toThrow(/1 containers already/);
    await client.remove(id);
    await client.remove(id);
    await server.stop();
  });
});

/** A request to the engine's own socket. */
function post(path: string, body: unknown): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = request({ socketPath: '/var/run/docker.sock', path, method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}
