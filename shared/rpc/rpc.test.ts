import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createLogger, silentLogger } from '../log.ts';
import { createRpcClient } from './client.ts';
import { RpcFault } from './fault.ts';
import { type Handlers, implement } from './handlers.ts';
import { startRpcServer } from './server.ts';
import { testTls, tlsOutcome } from './test-peers.ts';

type Agent = Handlers<'doubleblind.agent.v1.AgentService'>;
type Artifacts = Handlers<'doubleblind.coordinator.v1.ArtifactService'>;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const notHere = async (): Promise<never> => {
  throw new RpcFault('unimplemented', 'not in this test');
};

async function startAgent(handlers: Partial<Agent>, log = silentLogger) {
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: await testTls('gpu-agent'),
    services: [
      implement('doubleblind.agent.v1.AgentService', {
        describeHost: notHere,
        startAttempt: notHere,
        cancelAttempt: notHere,
        renewLeases: notHere,
        confirmEvents: notHere,
        watchTranscript: async function* () {},
        ...handlers,
      }),
    ],
    log,
  });
  cleanups.push(() => server.stop(100));
  return server;
}

async function agentClient(
  address: string,
  role: 'coordinator' | 'operator' | 'evaluator' = 'coordinator',
  expectName?: string,
) {
  const client = createRpcClient({
    service: 'doubleblind.agent.v1.AgentService',
    address,
    tls: await testTls(role),
    expectRole: 'gpu-agent',
    expectName,
  });
  cleanups.push(() => client.close());
  return client;
}

async function startArtifacts(handlers: Partial<Artifacts>) {
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: await testTls('coordinator'),
    services: [
      implement('doubleblind.coordinator.v1.ArtifactService', {
        putArtifact: notHere,
        putSmallArtifacts: notHere,
        getArtifact: async function* () {},
        ...handlers,
      }),
    ],
    log: silentLogger,
  });
  cleanups.push(() => server.stop(100));
  const client = createRpcClient({
    service: 'doubleblind.coordinator.v1.ArtifactService',
    address: server.address,
    tls: await testTls('gpu-agent'),
    expectRole: 'coordinator',
  });
  cleanups.push(() => client.close());
  return { server, client };
}

const fault = async (failing: Promise<unknown>): Promise<RpcFault> => {
  const error = await failing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(RpcFault);
  return error as RpcFault;
};

test('a unary call carries messages both ways, and the handler knows the caller', async () => {
  let caller: unknown;
  const { address } = await startAgent({
    startAttempt: async (request, context) => {
      caller = [context.identity, context.method, request.attempt?.epoch, request.seed, request.operator];
      return { alreadyKnown: true };
    },
  });
  const client = await agentClient(address);
  const answer = await client.startAttempt(
    { attempt: { runId: 'r', attemptId: 'a', epoch: 7 }, seed: 2 ** 53 - 1, operator: 'OPERATOR_DRAFT' },
    { deadlineMs: 20_000 },
  );
  expect(answer).toEqual({ alreadyKnown: true });
  expect(caller).toEqual([
    { role: 'coordinator', name: 'local' },
    'doubleblind.agent.v1.AgentService/StartAttempt',
    7,
    2 ** 53 - 1,
    'OPERATOR_DRAFT',
  ]);
});

test('a fault arrives as it was thrown', async () => {
  const { address } = await startAgent({
    describeHost: async () => {
      throw new RpcFault('failedPrecondition', 'epoch 3 is older than 7 – größer', {
        reason: 'staleEpoch',
        metadata: { epoch: '7' },
        violations: [{ field: 'attempt.epoch', description: 'must be at least 7' }],
      });
    },
  });
  const error = await fault((await agentClient(address)).describeHost({}, { deadlineMs: 20_000 }));
  expect(error).toMatchObject({
    code: 'failedPrecondition',
    message: 'epoch 3 is older than 7 – größer',
    reason: 'staleEpoch',
    metadata: { epoch: '7' },
    violations: [{ field: 'attempt.epoch', description: 'must be at least 7' }],
  });
});

test('an unexpected throw tells the caller nothing and the log everything, once', async () => {
  const lines: string[] = [];
  const log = createLogger({ name: 'test', level: 'debug', destination: { write: (line) => lines.push(line) } });
  const { address } = await startAgent(
    {
      describeHost: async () => {
        throw new Error('the vault said 42', { cause: new Error('deep down') });
      },
    },
    log,
  );
  const error = await fault((await agentClient(address)).describeHost({}, { deadlineMs: 20_000 }));
  expect(error.code).toBe('internal');
  expect(error.message).not.toContain('42');
  expect(lines.filter((line) => line.includes('the vault said 42: deep down'))).toHaveLength(1);
});

test('a role that the table does not name is refused, and the handler never runs', async () => {
  let ran = false;
  const { address } = await startAgent({
    startAttempt: async () => {
      ran = true;
      return {};
    },
  });
  const client = await agentClient(address, 'operator');
  const error = await fault(client.startAttempt({}, { deadlineMs: 20_000 }));
  expect(error).toMatchObject({ code: 'permissionDenied', reason: 'accessDenied' });
  expect(error.message).toBe('the role operator may not call doubleblind.agent.v1.AgentService/StartAttempt');
  expect(ran).toBe(false);
  const stream = (await agentClient(address, 'evaluator')).watchTranscript({});
  expect(await fault(collect(stream))).toMatchObject({ code: 'permissionDenied' });
});

test('a server stream gives its messages in order and honours back-pressure', async () => {
  let produced = 0;
  const { client } = await startArtifacts({
    getArtifact: async function* () {
      for (; produced < 200; produced += 1) yield { chunk: Buffer.alloc(65_536, produced) };
    },
  });
  let seen = 0;
  for await (const { chunk } of client.getArtifact({ digest: 'x' })) {
    expect(chunk[0]).toBe(seen % 256);
    seen += 1;
    if (seen === 1) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(produced).toBeLessThan(200);
    }
  }
  expect(seen).toBe(200);
});

test('leaving a server stream early aborts the handler', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const { address } = await startAgent({
    watchTranscript: async function* (_, { signal }) {
      signal.addEventListener('abort', () => resolve());
      yield { entry: 0, json: '{}' };
      await aborted;
    },
  });
  for await (const entry of (await agentClient(address)).watchTranscript({ attemptId: 'a' })) {
    expect(entry.json).toBe('{}');
    break;
  }
  await aborted;
});

test('a client stream arrives whole, and an early answer ends it', async () => {
  const { client } = await startArtifacts({
    putArtifact: async (requests) => {
      let bytes = 0;
      for await (const request of requests) {
        if (request.part === 'header' && request.header?.digest === 'bad') {
          throw new RpcFault('invalidArgument', 'not a digest');
        }
        bytes += request.chunk?.length ?? 0;
      }
      return { alreadyStored: bytes === 3 * 2 ** 20 };
    },
  });
  const parts = function* (digest: string) {
    yield { header: { digest, sizeBytes: 3 } };
    for (let index = 0; index < 3; index += 1) yield { chunk: Buffer.alloc(2 ** 20) };
  };
  expect(await client.putArtifact(parts('good'), { deadlineMs: 20_000 })).toEqual({ alreadyStored: true });
  expect(await fault(client.putArtifact(parts('bad'), { deadlineMs: 20_000 }))).toMatchObject({
    code: 'invalidArgument',
  });
});

test('a source that fails ends a client stream with its own error, and the handler sees the end', async () => {
  const { promise: seen, resolve } = Promise.withResolvers<unknown>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const { client } = await startArtifacts({
    putArtifact: async (requests) => {
      try {
        for await (const _ of requests) begin();
      } catch (error) {
        resolve(error);
        throw error;
      }
      return {};
    },
  });
  const source = async function* () {
    yield { header: { digest: 'x', sizeBytes: 1 } };
    await begun;
    throw new Error('the disk went away');
  };
  await expect(client.putArtifact(source(), { deadlineMs: 20_000 })).rejects.toThrow('the disk went away');
  expect(await seen).toMatchObject({ code: 'cancelled' });
});

test('a cut upload never passes for a whole one', async () => {
  let whole = 0;
  const { client } = await startArtifacts({
    putArtifact: async (requests) => {
      for await (const _ of requests);
      whole += 1;
      return {};
    },
  });
  for (let round = 0; round < 60; round += 1) {
    const source = async function* () {
      for (let part = 0; part < round % 7; part += 1) yield { chunk: Buffer.alloc(1 + ((round * 997) % 200_000)) };
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('cut');
    };
    await expect(client.putArtifact(source(), { deadlineMs: 20_000 })).rejects.toThrow('cut');
  }
  await client.putArtifact([], { deadlineMs: 20_000 });
  expect(whole).toBe(1);
});

test('a full disk is named to whoever called, and fills no log', async () => {
  const lines: string[] = [];
  const log = { ...silentLogger, error: (_: Record<string, unknown>, message: string) => void lines.push(message) };
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const failing = async (): Promise<never> => {
    throw new Error('the artifact was not stored', { cause: full });
  };
  const { address } = await startAgent({ describeHost: failing }, log);
  const client = await agentClient(address);
  for (let call = 0; call < 3; call += 1) {
    const error = await fault(client.describeHost({}, { deadlineMs: 20_000 }));
    expect(error).toMatchObject({ code: 'internal', reason: 'diskFull', message: 'the disk of this daemon is full' });
  }
  expect(lines).toEqual(['the disk is full: calls that would write fail until there is space']);
});

test('a message above the limit is refused by name', async () => {
  const { client } = await startArtifacts({});
  const error = await fault(client.putArtifact([{ chunk: Buffer.alloc(5 * 2 ** 20) }], { deadlineMs: 20_000 }));
  expect(error.code).toBe('resourceExhausted');
});

test('a deadline and an abort end a call with their own codes', async () => {
  const { address } = await startAgent({ describeHost: () => new Promise(() => undefined) });
  const client = await agentClient(address);
  const late = await fault(client.describeHost({}, { deadlineMs: 50 }));
  expect(late.code).toBe('deadlineExceeded');
  expect(late.message).toContain(`gpu-agent at ${address} did not answer within 50 ms`);
  const controller = new AbortController();
  const call = client.describeHost({}, { deadlineMs: 20_000, signal: controller.signal });
  controller.abort();
  expect((await fault(call)).code).toBe('cancelled');
});

test('nobody listening is said in a sentence with the next step', async () => {
  const error = await fault((await agentClient('127.0.0.1:1')).describeHost({}, { deadlineMs: 20_000 }));
  expect(error).toMatchObject({ code: 'unavailable', reason: 'unreachable' });
  expect(error.message).toBe('gpu-agent at 127.0.0.1:1 does not answer (connection refused); is it running?');
});

test('a server with another identity than expected is not spoken to', async () => {
  const { address } = await startAgent({ describeHost: async () => ({ host: 'local' }) });
  const right = await agentClient(address, 'coordinator', 'local');
  expect((await right.describeHost({}, { deadlineMs: 20_000 })).host).toBe('local');
  const wrong = await agentClient(address, 'coordinator', 'gpu7');
  const error = await fault(wrong.describeHost({}, { deadlineMs: 20_000 }));
  expect(error.message).toContain('its certificate names gpu-agent/local instead of gpu-agent/gpu7');
});

test('a client works again as soon as its server is back', async () => {
  const first = await startAgent({ describeHost: async () => ({ bootId: 'one' }) });
  const client = await agentClient(first.address);
  expect((await client.describeHost({}, { deadlineMs: 20_000 })).bootId).toBe('one');
  await first.stop(0);
  expect((await fault(client.describeHost({}, { deadlineMs: 20_000 }))).code).toBe('unavailable');
  const second = await startRpcServer({
    listen: first.address,
    tls: await testTls('gpu-agent'),
    services: [],
    log: silentLogger,
  });
  cleanups.push(() => second.stop(100));
  await expect
    .poll(async () => (await fault(client.describeHost({}, { deadlineMs: 1000 }))).code, { timeout: 20_000 })
    .toBe('unimplemented');
});

test('a stop does not wait for ever on an open stream', async () => {
  const server = await startAgent({
    watchTranscript: async function* () {
      yield { entry: 0, json: '{}' };
      await new Promise(() => undefined);
    },
  });
  const stream = (await agentClient(server.address)).watchTranscript({})[Symbol.asyncIterator]();
  await stream.next();
  const ended = fault(stream.next());
  const started = performance.now();
  await server.stop(100);
  expect(performance.now() - started).toBeLessThan(1500);
  expect((await ended).code).toBe('unavailable');
});

test('TLS 1.2 and callers without a certificate are turned away', async () => {
  const { port } = await startAgent({});
  const { ca, certificate, key } = await testTls('operator');
  const [caPem, cert, keyPem] = [readFileSync(ca), readFileSync(certificate), readFileSync(key)];
  const outcome = (options: object): Promise<string> => tlsOutcome({ port, ca: caPem, ...options });
  expect(await outcome({ cert, key: keyPem })).toBe('accepted');
  expect(await outcome({ cert, key: keyPem, maxVersion: 'TLSv1.2' })).toMatch(/protocol version|handshake/i);
  expect(await outcome({})).toMatch(/certificate required/i);
});

test('an address that is taken is named', async () => {
  const holder = createServer((socket: Socket) => socket.destroy());
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => holder.close());
  const taken = holder.address();
  const port = typeof taken === 'object' && taken !== null ? taken.port : 0;
  connect(port, '127.0.0.1').on('error', () => undefined);
  const starting = startRpcServer({
    listen: `127.0.0.1:${port}`,
    tls: await testTls('gpu-agent'),
    services: [],
    log: silentLogger,
  });
  await expect(starting).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
});

async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
