// No call waits for ever: ours all carry a deadline, and one that carries none is ended by the server.

import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Worker } from 'node:worker_threads';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { present } from '../core/assert.ts';
import { silentLogger } from '../log.ts';
import { createRpcClient, type RpcClient } from './client.ts';
import { descriptorSet, type ServiceName, serviceDefinition } from './definitions.ts';
import { implement } from './handlers.ts';
import type { LateCaller } from './late-caller.test-support.ts';
import { startRpcServer } from './server.ts';
import { testTls } from './test-peers.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Answers every call as unimplemented and keeps the headers by which it came. */
async function startListener(headersByPath: Map<string, string | undefined>): Promise<string> {
  const { ca, certificate, key } = await testTls('coordinator');
  const server = createSecureServer({ ca: readFileSync(ca), cert: readFileSync(certificate), key: readFileSync(key) });
  server.on('stream', (stream, headers) => {
    headersByPath.set(String(headers[':path']), headers['grpc-timeout']?.toString());
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Every method of every service through the client that all daemons and the command line have. */
async function callEverything(address: string): Promise<void> {
  const names = descriptorSet().files.flatMap((file) =>
    (file.service ?? []).map((service) => `${file.package}.${service.name}` as ServiceName),
  );
  for (const service of names) {
    const client = createRpcClient({ service, address, tls: await testTls('operator'), expectRole: 'coordinator' });
    cleanups.push(() => client.close());
    for (const [method, { requestStream, responseStream }] of Object.entries(serviceDefinition(service))) {
      type Ask = (input: unknown, options: { deadlineMs: number }) => Promise<unknown> & AsyncIterable<unknown>;
      const answer = (client as unknown as Record<string, Ask>)[method]?.(requestStream ? [] : {}, {
        deadlineMs: 20_000,
      });
      const ended = responseStream ? drain(present(answer, method)) : answer;
      await expect(ended, method).rejects.toMatchObject({ code: 'unimplemented' });
    }
  }
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

test('the deadline of a call of ours travels with it, whatever the method', async () => {
  const timeouts = new Map<string, string | undefined>();
  await callEverything(await startListener(timeouts));
  expect(timeouts.size).toBe(
    descriptorSet()
      .files.flatMap((file) => file.service ?? [])
      .flatMap((one) => one.method ?? []).length,
  );
  // Digits and a unit, by the protocol.
  for (const [path, timeout] of timeouts) expect(timeout, path).toMatch(/^\d{1,8}[HMSmun]$/);
});

test('a call with one answer does not compile without a deadline', () => {
  const never = (client: RpcClient<'doubleblind.agent.v1.AgentService'>): void => {
    // @ts-expect-error the options are left out
    void client.describeHost({});
    // @ts-expect-error no deadline in them
    void client.describeHost({}, {});
  };
  expect(never).toBeTypeOf('function');
});

/** As a tool that sets no deadline calls: grpcurl and grpcio do not unless they are told to. */
async function callWithoutDeadline(address: string, service: ServiceName, method: string): Promise<ServiceError> {
  const { ca, certificate, key } = await testTls('coordinator');
  const [root, chain, secret] = [readFileSync(ca), readFileSync(certificate), readFileSync(key)];
  const checkServerIdentity = (): undefined => undefined;
  const client = new Client(address, credentials.createSsl(root, secret, chain, { checkServerIdentity }), {
    'grpc.ssl_target_name_override': 'localhost',
  });
  cleanups.push(() => client.close());
  const definition = serviceDefinition(service)[method];
  if (definition === undefined) throw new Error(`${service} has no ${method}`);
  return await new Promise((resolve, reject) => {
    const take = (error: ServiceError | null): void =>
      error === null ? reject(new Error('answered')) : resolve(error);
    const { path, requestSerialize, responseDeserialize } = definition;
    // A client stream that never ends.
    if (definition.requestStream)
      client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, new Metadata(), take);
    else client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, take);
  });
}

test('a call without a deadline ends at the ceiling of the server, whether its handler listens or not', async () => {
  const deaf = (): Promise<never> => new Promise(() => undefined);
  const never = async (): Promise<never> => await deaf();
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: await testTls('evaluator'),
    log: silentLogger,
    longestCallMs: 50,
    services: [
      implement('doubleblind.evaluator.v1.EvaluatorService', {
        listTasks: never,
        describeTask: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        getBundle: async function* () {},
        evaluate: async (requests) => {
          for await (const _ of requests);
          return {};
        },
        forkRun: never,
        sealRun: never,
        getFinalSubmission: async function* () {},
        getRefitBundle: async function* () {},
        submitRefit: never,
        listLedger: never,
      }),
    ],
  });
  cleanups.push(() => server.stop(100));
  for (const method of ['listTasks', 'describeTask', 'evaluate']) {
    const { code, details } = await callWithoutDeadline(
      server.address,
      'doubleblind.evaluator.v1.EvaluatorService',
      method,
    );
    expect([code, details], method).toEqual([4, expect.stringContaining('no call longer than 0.05 s')]);
  }
});

test('a call that was given up while this process was stopped is not begun when it goes on', async () => {
  const begun: number[] = [];
  const unused = (): never => {
    throw new Error('not called here');
  };
  const givenUp = new Int32Array(new SharedArrayBuffer(4));
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: await testTls('gpu-agent'),
    log: silentLogger,
    services: [
      implement('doubleblind.agent.v1.AgentService', {
        confirmEvents: async ({ sequences }) => {
          begun.push(...sequences);
          return await Promise.resolve({});
        },
        describeHost: unused,
        startAttempt: unused,
        cancelAttempt: unused,
        renewLeases: unused,
        watchTranscript: unused,
      }),
    ],
  });
  cleanups.push(() => server.stop(100));
  const workerData: LateCaller = { address: server.address, tls: await testTls('coordinator'), givenUp };
  const caller = new Worker(new URL('./late-caller.test-support.ts', import.meta.url), { workerData });
  const ended = new Promise((over, failed) => caller.once('exit', over).once('error', failed));
  await new Promise((connected) => caller.once('message', connected));
  caller.postMessage('nobody reads from now on');
  expect(Atomics.wait(givenUp, 0, 0, 20_000)).toBe('ok');
  expect(await ended).toBe(0);
  expect(begun).toEqual([0, 2]);
});
