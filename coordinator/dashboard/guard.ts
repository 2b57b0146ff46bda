// Who may see the dashboard, and what a browser may do with it.
//
// Invariants: 1. On loopback only requests that name this machine are answered, so that no foreign page reaches it by a DNS
// name of its own. 2. Where a token is set, nothing but the sign-in page and its scripts is answered without it. 3. What
// changes anything needs a header that no form can send, from a page of ours. 4. A page loads nothing from elsewhere and
// runs no script of its own text.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { RpcFault } from '../../shared/rpc/fault.ts';

/** The header of requests that change something. */
export const intentHeader = 'x-doubleblind-request';
const sessionCookie = 'doubleblind_session';
/** A working day and the evening after it. */
const sessionSeconds = 12 * 3600;

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const safeHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

/** Headers that keep a page to itself; on every answer. */
export const withSafeHeaders: MiddlewareHandler = async (context, next) => {
  await next();
  for (const [name, value] of Object.entries(safeHeaders)) context.res.headers.set(name, value);
};

/** Answers on loopback only who asked for this machine by a name of loopback. */
export const onlyLoopbackNames: MiddlewareHandler = async (context, next) => {
  if (!isLoopback(context.req.header('host') ?? '')) {
    throw new RpcFault('permissionDenied', 'ask for the dashboard as http://127.0.0.1 or http://localhost');
  }
  await next();
};

/** True for host:port on loopback. */
export function isLoopback(hostPort: string): boolean {
  const host = hostPort.replace(/:\d+$/, '');
  return host === 'localhost' || host === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** What changes something comes from a page of ours. */
export const sameOriginOnly: MiddlewareHandler = async (context, next) => {
  const { method } = context.req;
  if (method !== 'GET' && method !== 'HEAD' && !isOurs(context)) {
    throw new RpcFault(
      'permissionDenied',
      `a change needs the header ${intentHeader} and must come from this dashboard`,
    );
  }
  await next();
};

function isOurs(context: Context): boolean {
  const { origin, 'sec-fetch-site': site, host } = context.req.header();
  if (context.req.header(intentHeader) === undefined) return false;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  // Tools send no origin; browsers send it with every POST.
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}

/** Sessions of those who know the token. They end by themselves and with the token; nothing is stored here. */
export interface Sessions {
  /** True where the request has a session, or the token itself as a bearer. */
  admits(context: Context): boolean;
  /** Opens a session where the token is right. */
  signIn(context: Context, token: string): boolean;
}

export function newSessions(token: string, secure: boolean, now: () => number): Sessions {
  const sign = (until: string): string => createHmac('sha256', token).update(`session ${until}`).digest('base64url');
  return {
    admits(context) {
      const bearer = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1];
      if (bearer !== undefined) return equal(bearer, token);
      const [until = '', signature = ''] = (getCookie(context, sessionCookie) ?? '').split('.');
      return equal(signature, sign(until)) && Number(until) > now();
    },
    signIn(context, given) {
      if (!equal(given, token)) return false;
      const until = String(now() + sessionSeconds * 1000);
      const cookie = { httpOnly: true, secure, sameSite: 'Strict' as const, path: '/', maxAge: sessionSeconds };
      setCookie(context, sessionCookie, `${until}.${sign(until)}`, cookie);
      return true;
    },
  };
}

/** In a time that does not tell how much of it fits. */
function equal(left: string, right: string): boolean {
  const hash = (text: string): Buffer => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(hash(left), hash(right));
}
