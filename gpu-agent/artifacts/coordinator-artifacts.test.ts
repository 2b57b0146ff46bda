// The artifacts of a host over the wire: what shares a call, and what becomes of it where the call fails.

import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type Handlers, implement } from '../../shared/rpc/handlers.ts';
import { startRpcServer } from '../../shared/rpc/server.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';
import { smallBytes } from '../../shared/store/artifacts.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { coordinatorArtifacts } from './coordinator-artifacts.ts';

const name = 'doubleblind.coordinator.v1.ArtifactService';
type Put = Handlers<typeof name>['putSmallArtifacts'];

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

/** A coordinator that takes whatever comes alone; `together` is what it does with several. */
async function start(together: Put) {
  const calls: string[][] = [];
  const service = implement(name, {
    async putArtifact(requests) {
      let digest = '';
      for await (const { header } of requests) digest = header?.digest ?? digest;
      calls.push([digest]);
      return {};
    },
    async putSmallArtifacts(request, context) {
      calls.push(request.artifacts.map(({ digest }) => digest));
      return await together(request, context);
    },
    getArtifact: async function* () {},
  });
  const server = await startRpcServer({
    ...{ listen: '127.0.0.1:0', tls: await testTls('coordinator'), services: [service], log: silentLogger },
  });
  cleanups.push(() => server.stop(0));
  const client = createRpcClient({
    ...{ service: name, address: server.address, tls: await testTls('gpu-agent'), expectRole: 'coordinator' },
  });
  cleanups.push(() => client.close());
  const artifacts = coordinatorArtifacts(client);
  const store = (bytes: Buffer, signal = new AbortController().signal) =>
    artifacts.store(sha256(bytes) as never, bytes, signal);
  return { calls, store };
}

const texts = ['a program', 'a log', 'a submission'].map((text) => Buffer.from(text));
const digests = texts.map((text) => sha256(text));

test('what is small and stored at the same moment shares a call; what is large goes alone', async () => {
  const { calls, store } = await start(async () => ({}));
  await Promise.all(texts.map((text) => store(text)));
  expect(calls).toEqual([digests]);
  const large = Buffer.alloc(smallBytes + 1);
  await Promise.all([store(large), store(texts[0] as Buffer)]);
  expect(calls.slice(1)).toEqual(expect.arrayContaining([[sha256(large)], [digests[0]]]));
  await Promise.all(Array.from({ length: 20 }, (_, index) => store(Buffer.from(`text ${index}`))));
  expect(calls.slice(3).map(({ length }) => length)).toEqual([16, 4]);
});

test.each([
  ['a coordinator that has no such call', 'unimplemented'],
  ['a refusal that may be meant for another of them', 'resourceExhausted'],
] as const)('after %s each is stored alone', async (_, code) => {
  const { calls, store } = await start(async () => {
    throw new RpcFault(code, 'not together');
  });
  await Promise.all(texts.map((text) => store(text)));
  expect(calls[0]).toEqual(digests);
  expect(calls).toHaveLength(4);
  expect(new Set(calls.slice(1).flat())).toEqual(new Set(digests));
});

test('a coordinator that fails fails all of them, and who gives up does not wait for the others', async () => {
  const answered = Promise.withResolvers<void>();
  const { store } = await start(async () => {
    await answered.promise;
    throw new RpcFault('unavailable', 'the disk is away');
  });
  const givenUp = new AbortController();
  const [first, second] = [store(texts[0] as Buffer), store(texts[1] as Buffer, givenUp.signal)];
  first.catch(() => undefined);
  givenUp.abort(new Error('the attempt is over'));
  await expect(second).rejects.toThrow('the attempt is over');
  answered.resolve();
  await expect(first).rejects.toThrow('the disk is away');
});
