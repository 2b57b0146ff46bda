// Serves a package index to the sandboxes of this host over a Unix socket, in the simple form that pip reads (PEP 503).
//
// Owns: the socket, its directory, what may be asked for. Leaves to the index: what there is.
// Invariants:
// 1. GET and HEAD of three kinds of address, each matched as a whole; everything else is refused, and nothing is written.
// 2. What a sandbox sends is bounded: few connections, one request at a time on each, short heads, no body, an end to every wait.
// 3. The directory is mounted into sandboxes, so it holds the socket and nothing else.

import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '../../shared/log.ts';
import { isPackageName, normalName } from '../core/wheel.ts';
import type { PackageIndex, Wheel, WheelFile } from './package-index.ts';

export interface PackageServer {
  /** Mounted read-only into sandboxes; appears there at /run/doubleblind. */
  readonly directory: string;
  stop(): Promise<void>;
}

/** pip opens one connection at a time; this many pips at once are more than a host has slots. */
const maxConnections = 256;
const maxHeaderBytes = 8 * 1024;
/** A wheel of a gigabyte from a slow index. */
const requestTimeoutMs = 600_000;
const headersTimeoutMs = 10_000;
/** What the kernel takes as an address of a socket, less the zero at its end. */
const longestSocketPath = 107;

export async function startPackageServer(directory: string, index: PackageIndex, log: Logger): Promise<PackageServer> {
  const path = join(directory, 'index.sock');
  if (Buffer.byteLength(path) > longestSocketPath) {
    throw new Error(`${path} is too long for a socket (${longestSocketPath} bytes); choose a shorter stateDirectory`);
  }
  // Sandboxes of an earlier daemon have this very directory mounted, so it stays and only the socket is made anew.
  await mkdir(directory, { recursive: true, mode: 0o755 });
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true });
  const busy = new WeakSet<Socket>();
  const server = createServer({ maxHeaderSize: maxHeaderBytes }, (request, response) => {
    const { socket } = request;
    // Pipelined requests would each open a wheel while nobody reads. pip waits for each answer.
    if (busy.has(socket)) return void socket.destroy();
    busy.add(socket);
    const gone = new AbortController();
    response.once('close', () => {
      busy.delete(socket);
      gone.abort();
    });
    answer(index, request, response, gone.signal).catch((error: unknown) => {
      if (gone.signal.aborted && error === gone.signal.reason) return;
      log.warn({ error, url: request.url?.slice(0, 200) }, 'the package index could not be served');
      if (!response.headersSent) refuse(response, 502, 'the index does not answer');
      else response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  server.headersTimeout = headersTimeoutMs;
  server.requestTimeout = headersTimeoutMs;
  server.setTimeout(requestTimeoutMs);
  await listen(server, path);
  // Docker maps no users here: the sandbox's own user must be able to connect.
  await chmod(directory, 0o755);
  await chmod(path, 0o666);
  return {
    directory,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answer(
  index: PackageIndex,
  request: IncomingMessage,
  response: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const { method, url = '' } = request;
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'the index is read-only');
  if (url === '/simple/') {
    const links = (await index.projects()).map((name) => `<a href="/simple/${name}/">${name}</a><br>`);
    return sendPage(response, links);
  }
  const [, page] = /^\/simple\/([^/]+)\/$/.exec(url) ?? [];
  if (page !== undefined && isPackageName(page)) {
    const project = normalName(page);
    const wheels = await index.wheels(project);
    if (wheels === undefined) return refuse(response, 404, 'this package is not on offer');
    return sendPage(
      response,
      wheels.map((wheel) => linkTo(project, wheel)),
    );
  }
  const [, project, fileName] = /^\/files\/([a-z0-9-]+)\/([A-Za-z0-9._!+-]+\.whl)$/.exec(url) ?? [];
  if (project === undefined || fileName === undefined) return refuse(response, 404, 'there is no such page');
  await sendWheel(await index.open(project, fileName, gone), method === 'HEAD', response);
}

/** Both parts are of a form that needs no escaping, but for the version specifier. */
function linkTo(project: string, { fileName, sha256, requiresPython }: Wheel): string {
  const escaped = requiresPython.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const requires = requiresPython === '' ? '' : ` data-requires-python="${escaped}"`;
  return `<a href="/files/${project}/${fileName}#sha256=${sha256}"${requires}>${fileName}</a><br>`;
}

function sendPage(response: ServerResponse, links: readonly string[]): void {
  const page = `<!DOCTYPE html>\n<html><body>\n${links.join('\n')}\n</body></html>\n`;
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(page) });
  response.end(page);
}

async function sendWheel(wheel: WheelFile | undefined, head: boolean, response: ServerResponse): Promise<void> {
  if (wheel === undefined) return refuse(response, 404, 'there is no such wheel');
  try {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': wheel.sizeBytes });
    if (head || wheel.sizeBytes === 0) response.end();
    else await pipeline(wheel.stream(), response);
  } finally {
    await wheel.close();
  }
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${sentence}\n`);
}
