// The dashboard as one function from request to response: guards, API, pages. server.ts gives it a socket.

import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Logger } from '../../shared/log.ts';
import { type FaultCode, RpcFault } from '../../shared/rpc/fault.ts';
import { api, type DashboardSources } from './api.ts';
import { newSessions, onlyLoopbackNames, type Sessions, sameOriginOnly, withSafeHeaders } from './guard.ts';
import { readStaticFiles, type StaticFile } from './static-files.ts';

export interface ApplicationOptions {
  readonly sources: DashboardSources;
  /** Answers only to names of loopback. */
  readonly loopback: boolean;
  /** Whoever wants in must know it; undefined where everybody on this machine may. */
  readonly token: string | undefined;
  /** Whether it is served over TLS. */
  readonly secure: boolean;
  readonly now: () => number;
  readonly log: Logger;
}

/** Guidance for a run is the longest that anybody sends: 8,192 characters, of four bytes each at most, quoted. */
const mostBodyBytes = 64 * 1024;

const statusOf: Readonly<Partial<Record<FaultCode, 400 | 401 | 403 | 404 | 409 | 429 | 501 | 503 | 504>>> = {
  invalidArgument: 400,
  outOfRange: 400,
  unauthenticated: 401,
  permissionDenied: 403,
  notFound: 404,
  alreadyExists: 409,
  aborted: 409,
  failedPrecondition: 409,
  resourceExhausted: 429,
  unimplemented: 501,
  unavailable: 503,
  deadlineExceeded: 504,
};

/** Paths that the sign-in page needs. */
const openPaths = new Set([
  '/sign-in',
  '/assets/sign-in.js',
  '/assets/style.css',
  '/assets/icon.svg',
  '/api/v1/session',
]);
const pages = ['/', '/runs/:run', '/runs/:run/tree', '/candidates/:candidate', '/fleet', '/ledger'];

export function application(options: ApplicationOptions): Hono {
  const { sources, loopback, token, secure, now, log } = options;
  const application = new Hono();
  application.use(withSafeHeaders);
  application.onError((error, context) => {
    const fault = error instanceof RpcFault ? error : undefined;
    if (fault === undefined) log.error({ error, path: context.req.path }, 'a request to the dashboard failed');
    const { code, message, reason = '' } = fault ?? { code: 'internal', message: 'an internal error; see the log' };
    return context.json({ code, message, reason }, (fault && statusOf[fault.code]) ?? 500);
  });
  if (loopback) application.use(onlyLoopbackNames);
  application.use(sameOriginOnly);
  application.use(
    bodyLimit({
      maxSize: mostBodyBytes,
      onError: () => {
        throw new RpcFault('invalidArgument', `a request has at most ${mostBodyBytes} bytes`);
      },
    }),
  );
  if (token !== undefined) addSessions(application, newSessions(token, secure, now));
  application.route('/api/v1', api(sources));
  addPages(application, readStaticFiles());
  return application;
}

function addSessions(application: Hono, sessions: Sessions): void {
  application.use(async (context, next) => {
    if (openPaths.has(context.req.path) || sessions.admits(context)) return await next();
    if (context.req.path.startsWith('/api/'))
      throw new RpcFault('unauthenticated', 'sign in, or send the token as a bearer');
    return context.redirect('/sign-in');
  });
  application.post('/api/v1/session', async (context) => {
    const body: unknown = await context.req.json().catch(() => undefined);
    const token = typeof body === 'object' && body !== null && 'token' in body ? body.token : undefined;
    if (typeof token === 'string' && sessions.signIn(context, token)) return context.json({});
    throw new RpcFault('unauthenticated', 'that is not the token');
  });
}

function addPages(application: Hono, files: ReadonlyMap<string, StaticFile>): void {
  const serve = (path: string, file: StaticFile): void => {
    application.get(path, (context) => {
      const headers = { etag: file.entityTag, 'cache-control': 'no-cache' };
      if (context.req.header('if-none-match') === file.entityTag) return context.body(null, 304, headers);
      return context.body(new Uint8Array(file.bytes), 200, { ...headers, 'content-type': file.type });
    });
  };
  for (const [path, file] of files) serve(path, file);
  const [page, signIn] = [files.get('/assets/index.html'), files.get('/assets/sign-in.html')];
  if (page === undefined || signIn === undefined) throw new Error('the pages of the dashboard are not in their folder');
  for (const path of pages) serve(path, page);
  serve('/sign-in', signIn);
  // The page itself says that there is no such one. JSON is for those who ask the API.
  application.notFound((context) =>
    context.req.path.startsWith('/api/')
      ? context.json({ code: 'notFound', message: 'there is nothing here' }, 404)
      : context.body(new Uint8Array(page.bytes), 404, { 'content-type': page.type }),
  );
}
