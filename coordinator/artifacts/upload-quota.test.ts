import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digest, hostName } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { startRpcServer } from '../../shared/rpc/server.ts';
import { openArtifactDirectory } from '../../shared/store/artifacts.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { createTestPki } from '../coordinator.test-support.ts';
import { attemptOf, createRun, end, joinHost, limits, type Machine, newMachine } from '../core/machine.test-support.ts';
import { artifactService } from '../rpc/artifact-service.ts';
import { allowance, newUploadQuota } from './upload-quota.ts';

const alpha = hostName('alpha');
const most = allowance({ limits });

function machineWith(slots: number): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', slots);
  createRun(machine, { candidates: 20 });
  return machine;
}

test('an attempt stores what it may and no more; the next one begins anew', () => {
  const machine = machineWith(1);
  const quota = newUploadQuota(machine.state);
  quota.charge(alpha, most - 10);
  const giveBack = quota.charge(alpha, 10);
  expect(() => quota.charge(alpha, 1)).toThrow(
    expect.objectContaining({
      ...{ code: 'resourceExhausted', reason: 'attemptStorageFull' },
      message: expect.stringContaining(`0 of ${most} bytes`),
    }),
  );
  giveBack();
  quota.charge(alpha, 10);
  end(machine, attemptOf(machine, 1), 'infrastructure');
  expect(attemptOf(machine, 1).epoch).toBeGreaterThan(1);
  quota.charge(alpha, most);
});

test('neighbours on a host share their room evenly, and a host without an attempt stores nothing', () => {
  const machine = machineWith(2);
  const quota = newUploadQuota(machine.state);
  for (let part = 0; part < 4; part++) quota.charge(alpha, most / 2);
  expect(() => quota.charge(alpha, 1)).toThrow(/may still store/);
  expect(() => quota.charge(hostName('beta'), 0)).toThrow(expect.objectContaining({ reason: 'notHeld' }));
});

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'doubleblind-quota-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The service on a port, and a client with the certificate of a host whose attempts may write so many bytes. */
async function served(diskBytes: number) {
  const pki = await createTestPki();
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { candidates: 20, limits: { ...limits, diskBytes } });
  const artifacts = await openArtifactDirectory(directory);
  const quota = newUploadQuota(machine.state);
  const service = artifactService({ artifacts, maxArtifactBytes: 2 ** 30, quota });
  const server = await startRpcServer({
    ...{ listen: '127.0.0.1:0', tls: pki.tls('coordinator'), services: [service], log: silentLogger },
  });
  const client = createRpcClient({
    ...{ service: 'doubleblind.coordinator.v1.ArtifactService', address: server.address, expectRole: 'coordinator' },
    tls: pki.tls('gpu-agent'),
  });
  const stop = async (): Promise<void> => {
    client.close();
    await server.stop(0);
    await pki.remove();
  };
  return { client, artifacts, quota, stop };
}

test('over the wire several small ones are stored at once, each at the expense of the host; a refused one keeps none of the others', async () => {
  const { client, artifacts, quota, stop } = await served(1);
  const small = (text: string, of = text): { digest: string; content: Buffer } => ({
    ...{ digest: sha256(Buffer.from(of)), content: Buffer.from(text) },
  });
  const put = (...all: ReturnType<typeof small>[]) =>
    client.putSmallArtifacts({ artifacts: all }, { deadlineMs: 20_000 });
  quota.charge(alpha, allowance({ limits: { ...limits, diskBytes: 1 } }) - 20);
  await put(small('four'), small('six'));
  await put(small('four'), small('six'));
  expect((await artifacts.get(digest(sha256(Buffer.from('six'))))).toString()).toBe('six');
  await expect(put(small('bad', 'other'), small('ok'))).rejects.toMatchObject({
    code: 'invalidArgument',
    violations: [{ field: 'artifacts[0].digest' }],
  });
  expect(await artifacts.list()).toHaveLength(3);
  await expect(put(small('c'), small('and no room'))).rejects.toMatchObject({ reason: 'attemptStorageFull' });
  await expect(put({ ...small('a name'), digest: 'x' })).rejects.toMatchObject({ code: 'invalidArgument' });
  await expect(put(small('x'.repeat(65_537)))).rejects.toThrow('at most 65536 bytes');
  await expect(put(...Array.from({ length: 17 }, () => small('four')))).rejects.toThrow('at most 16 at once');
  await stop();
});

test('over the wire: bytes beyond the allowance never reach the disk; what is there already, or came broken, costs nothing', async () => {
  const { client, artifacts, quota, stop } = await served(1);
  const put = (text: string, digest = sha256(Buffer.from(text))) =>
    client.putArtifact([{ header: { digest, sizeBytes: text.length } }, { chunk: Buffer.from(text) }], {
      deadlineMs: 20_000,
    });
  const left = allowance({ limits: { ...limits, diskBytes: 1 } }) - 10;
  quota.charge(alpha, left);
  await put('four');
  expect(await put('four')).toEqual({ alreadyStored: true });
  await expect(put('bad', sha256(Buffer.from('other')))).rejects.toMatchObject({ code: 'invalidArgument' });
  await put('sixsix');
  await expect(put('c')).rejects.toMatchObject({ code: 'resourceExhausted', reason: 'attemptStorageFull' });
  expect(await artifacts.list()).toHaveLength(2);
  await stop();
});
