// A ContainerHost over the socket of a sandbox proxy: for a daemon that must not hold the engine's.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerHost } from './container-host.ts';
import { type ProxyReply, type ProxyRequest, replySchema, valueSchemas } from './proxy-wire.ts';
import { isAway, SandboxError, SandboxInterrupted } from './sandbox-error.ts';

/** The proxy gives the engine a minute for each of the few requests of a call. */
const callTimeoutMs = 180_000;
/** A proxy that is being started, or started again, is back by then. */
const connectPatienceMs = 15_000;
const reconnectMs = 100;
const absentCodes: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED']);
/** A list of a thousand sandboxes with all their labels fits. */
const longestReplyBytes = 4 * 2 ** 20;

export function connectContainerHost<Spec>(socketPath: string): ContainerHost<Spec> {
  const ask = async <Call extends keyof typeof valueSchemas>(
    request: ProxyRequest & { readonly call: Call },
  ): Promise<ReturnType<(typeof valueSchemas)[Call]['parse']>> => {
    const { socket, value } = await call(socketPath, request);
    socket.destroy();
    return valueSchemas[request.call].parse(value) as ReturnType<(typeof valueSchemas)[Call]['parse']>;
  };
  return {
    check: () => ask({ call: 'check' }),
    create: (spec) => ask({ call: 'create', spec }),
    start: async (id) => void (await ask({ call: 'start', id })),
    attach: async (id) => (await call(socketPath, { call: 'attach', id })).socket,
    state: async (id) => (await ask({ call: 'state', id })) ?? undefined,
    list: () => ask({ call: 'list' }),
    remove: async (id) => void (await ask({ call: 'remove', id })),
  };
}

/** One call; the value of its answer, and the connection with whatever follows. Rejects with SandboxError. */
async function call(socketPath: string, request: ProxyRequest): Promise<{ socket: Socket; value: unknown }> {
  const socket = await connected(socketPath);
  try {
    const reply = await answerOf(socket, request);
    if (reply.ok) return { socket, value: reply.value };
    throw reply.away === true ? new SandboxInterrupted(reply.message) : new SandboxError(reply.message);
  } catch (error) {
    socket.destroy();
    if (error instanceof SandboxError) throw error;
    throw failure(socketPath, error);
  }
}

/** A connection; tries again for a while where nobody listens. */
async function connected(socketPath: string): Promise<Socket> {
  const startedMs = performance.now();
  for (;;) {
    try {
      return await connectOnce(socketPath);
    } catch (error) {
      const absent = error instanceof Error && 'code' in error && absentCodes.has(String(error.code));
      if (!absent || performance.now() - startedMs > connectPatienceMs) {
        throw failure(socketPath, error);
      }
      await sleep(reconnectMs);
    }
  }
}

function connectOnce(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

function answerOf(socket: Socket, request: ProxyRequest): Promise<ProxyReply> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const late = setTimeout(
      () => reject(new SandboxInterrupted(`no answer to ${request.call} in time`)),
      callTimeoutMs,
    );
    const finish = (): void => {
      clearTimeout(late);
      socket.off('data', read);
    };
    const read = (chunk: Buffer): void => {
      parts.push(chunk);
      bytes += chunk.length;
      if (bytes > longestReplyBytes) {
        fail(new Error('its answer is too long'));
        return;
      }
      if (!chunk.includes(10)) return;
      finish();
      socket.pause();
      const all = Buffer.concat(parts);
      const end = all.indexOf(10);
      if (end + 1 < all.length) socket.unshift(all.subarray(end + 1));
      try {
        resolve(replySchema.parse(JSON.parse(all.subarray(0, end).toString('utf8'))));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const fail = (error: Error): void => {
      finish();
      reject(error);
    };
    socket.on('data', read);
    // Stays: an error of an attached stream is told by its reader, and must not go unheard before there is one.
    socket.on('error', fail);
    socket.on('close', () => fail(new HungUp('it closed the connection')));
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

/** The proxy ended, or was ended, before it had answered. */
class HungUp extends Error {}

function failure(socketPath: string, error: unknown): SandboxError {
  const Kind = isAway(error) || error instanceof HungUp ? SandboxInterrupted : SandboxError;
  return new Kind(sentenceFor(socketPath, error), { cause: error });
}

function sentenceFor(socketPath: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (absentCodes.has(String(code))) {
    return `no sandbox proxy answers at ${socketPath}; start it (systemctl start doubleblind-sandbox-proxy) or set sandbox.proxySocket`;
  }
  if (code === 'EACCES') {
    return `no permission to use ${socketPath}; this user must be of the socket's group (docs/operations.md)`;
  }
  return `the sandbox proxy at ${socketPath} gave no answer: ${error instanceof Error ? error.message : String(error)}`;
}
