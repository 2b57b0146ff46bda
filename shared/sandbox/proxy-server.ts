// Offers a ContainerHost over a unix socket, so that only this process needs the engine's.
// Owns: the socket, framing, limits on who asks how much. Leaves to ContainerHost: what is asked of the engine.
// Invariants:
// 1. Nothing reaches the host but a request that the schema has taken apart and put together again.
// 2. A connection is one call; what is not a request ends it.
// 3. Who may connect is a matter of the socket's file mode and group: 0660.

import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import type { z } from 'zod';
import type { Logger } from '../log.ts';
import type { ContainerHost } from './container-host.ts';
import { longestRequestBytes, type ProxyReply, type ProxyRequest, requestSchema } from './proxy-wire.ts';
import { SandboxError, SandboxInterrupted } from './sandbox-error.ts';

export interface ProxyServerOptions<Spec extends z.ZodType> {
  readonly socketPath: string;
  readonly host: ContainerHost<z.output<Spec>>;
  readonly spec: Spec;
  readonly log: Logger;
}

export interface ProxyServer {
  stop(): Promise<void>;
}

/** A sandbox holds one connection; a host has far fewer than this. */
const mostConnections = 1024;
/** The request comes with the connection; a starved host may take seconds. */
const requestTimeoutMs = 30_000;

export async function startProxyServer<Spec extends z.ZodType>(
  options: ProxyServerOptions<Spec>,
): Promise<ProxyServer> {
  const { socketPath, log } = options;
  const open = new Set<Socket>();
  // Half-open: one who has said all and closed that side still gets the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, options).catch((error: unknown) => {
      log.error({ error }, 'a call to the sandbox proxy failed');
      socket.destroy();
    });
  });
  server.maxConnections = mostConnections;
  // Left by a proxy that was killed; one that lives would have been found by its unit or its supervisor.
  rmSync(socketPath, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
  chmodSync(socketPath, 0o660);
  return {
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(socketPath, { force: true });
    },
  };
}

async function serve<Spec extends z.ZodType>(socket: Socket, options: ProxyServerOptions<Spec>): Promise<void> {
  const line = await firstLine(socket);
  // Only looked whether somebody is here.
  if (line === '') return void socket.end();
  const parsed = requestSchema(options.spec).safeParse(parseJson(line));
  if (!parsed.success) {
    const why = parsed.error.issues.slice(0, 3).map(({ path, message }) => `${path.join('.')} ${message}`.trim());
    options.log.warn({ why }, 'a request to the sandbox proxy was refused');
    return answer(socket, { ok: false, message: `the sandbox proxy refused a request: ${why.join('; ')}` });
  }
  // The schema's own type is lost in the union of a generic one; what it gives is what `spec` gives.
  const request = parsed.data as ProxyRequest & { readonly spec: z.output<Spec> };
  try {
    if (request.call === 'attach') return await attach(socket, options.host, request.id);
    answer(socket, { ok: true, value: await perform(request, options.host) });
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    options.log.warn({ call: request.call, error }, 'a call to the sandbox proxy was not carried out');
    answer(socket, { ok: false, message: error.message, ...(error instanceof SandboxInterrupted && { away: true }) });
  }
}

async function perform<Spec>(
  request: Exclude<ProxyRequest, { readonly call: 'attach' }> & { readonly spec: Spec },
  host: ContainerHost<Spec>,
): Promise<unknown> {
  switch (request.call) {
    case 'check':
      return await host.check();
    case 'create':
      return await host.create(request.spec);
    case 'start':
      return (await host.start(request.id)) ?? null;
    case 'state':
      return (await host.state(request.id)) ?? null;
    case 'list':
      return await host.list();
    case 'remove':
      return (await host.remove(request.id)) ?? null;
  }
}

async function attach<Spec>(socket: Socket, host: ContainerHost<Spec>, id: string): Promise<void> {
  const stream = await host.attach(id);
  socket.write(`${JSON.stringify({ ok: true, value: null } satisfies ProxyReply)}\n`);
  // Ends of one are ends of the other; errors are told by the end.
  pipeline(socket, stream, () => socket.destroy());
  pipeline(stream, socket, () => stream.destroy());
}

function answer(socket: Socket, reply: ProxyReply): void {
  socket.end(`${JSON.stringify(reply)}\n`);
}

/** The first line, or what came before the end, too much or too late: that is no JSON, or not a request. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const settle = (): void => {
      socket.setTimeout(0);
      socket.off('data', read).off('end', settle).off('close', settle).off('timeout', settle);
      socket.pause();
      const all = Buffer.concat(parts);
      const end = all.indexOf(10);
      if (end >= 0 && end + 1 < all.length) socket.unshift(all.subarray(end + 1));
      resolve(all.subarray(0, end < 0 ? longestRequestBytes : end).toString('utf8'));
    };
    const read = (chunk: Buffer): void => {
      parts.push(chunk);
      bytes += chunk.length;
      if (chunk.includes(10) || bytes > longestRequestBytes) settle();
    };
    socket.on('data', read).on('end', settle).on('close', settle).on('timeout', settle);
    socket.setTimeout(requestTimeoutMs);
  });
}

function parseJson(line: string): unknown {
  if (line.length > longestRequestBytes) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
