// The dashboard's server. On loopback it speaks plain HTTP to whoever is on this machine; elsewhere it takes a token and
// speaks TLS with the coordinator's certificate, because a token must not cross a network in the clear.

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { createAdaptorServer } from '@hono/node-server';
import type { Logger } from '../../shared/log.ts';
import { openTlsFiles, type TlsPaths } from '../../shared/rpc/tls-files.ts';
import type { DashboardSources } from './api.ts';
import { application } from './application.ts';
import { isLoopback } from './guard.ts';

export interface DashboardOptions {
  /** host:port; port 0 for any free one. */
  readonly listen: string;
  /** File with the token; empty for none, which is for loopback alone. */
  readonly tokenFile: string;
  readonly tls: TlsPaths;
  readonly sources: DashboardSources;
  readonly log: Logger;
}

export interface Dashboard {
  /** Where it is, for people. */
  readonly url: string;
  stop(): Promise<void>;
}

/** 20 characters of base64 are 120 bits: nobody guesses them, so guesses need not be counted. */
const shortestToken = 20;

/** As between daemons; asked for again with each renewed certificate, because a new context forgets it. */
const minVersion = 'TLSv1.3';

/** Starts the dashboard; resolves when it listens. */
export async function startDashboard({ listen, tokenFile, tls, sources, log }: DashboardOptions): Promise<Dashboard> {
  const loopback = isLoopback(listen);
  const token = tokenFile === '' ? undefined : readToken(tokenFile);
  if (!loopback && token === undefined) {
    throw new Error(`dashboard.listen is ${listen}, which others can reach: set dashboard.tokenFile`);
  }
  const secure = !loopback;
  const { fetch } = application({ sources, loopback, token, secure, now: Date.now, log });
  const files = secure
    ? openTlsFiles(tls, { changed: ({ cert, key }) => secured?.setSecureContext({ cert, key, minVersion }) })
    : undefined;
  const { cert, key } = files?.current() ?? {};
  const server = createAdaptorServer(
    secure
      ? { fetch, createServer: createTlsServer, serverOptions: { cert, key, minVersion } }
      : { fetch, createServer },
  ) as Server | TlsServer;
  const secured = 'setSecureContext' in server ? server : undefined;
  const address = await listening(server, listen);
  const url = `${secure ? 'https' : 'http'}://${address}/`;
  log.info({ url, token: token !== undefined }, 'the dashboard is there');
  return {
    url,
    async stop() {
      files?.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim();
  if (token.length >= shortestToken) return token;
  throw new Error(
    `the token in ${path} has fewer than ${shortestToken} characters; make one with: openssl rand -base64 24`,
  );
}

function listening(server: Server | TlsServer, listen: string): Promise<string> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(listen) ?? [];
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`the dashboard cannot listen on ${listen}`, { cause: error })));
    server.listen(Number(port), host.replace(/^\[|\]$/g, ''), () => {
      const at = server.address();
      resolve(typeof at === 'object' && at !== null ? `${host}:${at.port}` : listen);
    });
  });
}
