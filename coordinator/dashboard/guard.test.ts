// What a foreign page, somebody without the token or a path out of the pages gets of the dashboard: nothing. Runs among the attacks too
// (test/attacks/dashboard).

import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Asker,
  asking,
  createSources,
  here,
  intent,
  openApplication,
  type TestSources,
} from './dashboard.test-support.ts';
import { intentHeader } from './guard.ts';

let parts: TestSources;
let ask: Asker;

beforeAll(async () => {
  parts = await createSources(5);
  ask = asking(openApplication(parts));
});
afterAll(async () => await parts.remove());

test('a run is paused, resumed and ended by a page of ours alone', async () => {
  const path = '/api/v1/runs/digits-0001/pause';
  const refused = [
    {},
    { [intentHeader]: '1', origin: 'https://evil.example' },
    { [intentHeader]: '1', origin: 'null' },
    { origin: here },
    { ...intent, 'sec-fetch-site': 'cross-site' },
    { ...intent, 'sec-fetch-site': 'same-site' },
  ];
  for (const headers of refused) expect((await ask(path, headers as Record<string, string>, 'POST')).status).toBe(403);
  expect(parts.changes).toEqual([]);
  for (const verb of ['pause', 'resume', 'cancel', 'kill']) {
    expect((await ask(`/api/v1/runs/digits-0001/${verb}`, intent, 'POST')).status).toBe(200);
  }
  const verbs = ['pause', 'resume', 'cancel', 'kill'];
  expect(parts.changes).toEqual(verbs.map((verb) => `${verb} digits-0001`));
  expect((await ask(path)).status).toBe(404);
});

test('on loopback a foreign name is refused, so that no page reaches it through its own DNS', async () => {
  for (const host of ['evil.example', 'evil.example:7440', '127.0.0.1.evil.example', '']) {
    expect((await ask('/api/v1/runs', { host })).status).toBe(403);
  }
  for (const host of ['localhost:7440', '[::1]:7440', '127.0.0.2']) expect((await ask('/', { host })).status).toBe(200);
});

test('every answer forbids foreign and inline code', async () => {
  for (const path of ['/', '/runs/x', '/api/v1/runs', '/assets/app.js', '/nothing', '/api/v1/runs/nothing']) {
    const { headers } = await ask(path);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(headers.get('content-security-policy')).not.toMatch(/unsafe|https?:|\*/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

test('pages have no inline code and load nothing from elsewhere', async () => {
  const page = await (await ask('/runs/anything')).text();
  expect(page).not.toMatch(/<script(?![^>]*src="\/)|\sstyle=|\son\w+=|https?:\/\//);
  for (const [, path = ''] of page.matchAll(/(?:src|href)="([^"]+)"/g)) expect((await ask(path)).status).toBe(200);
  const script = await ask('/assets/app.js');
  expect(script.headers.get('content-type')).toMatch(/^text\/javascript/);
  const again = await ask('/assets/app.js', { 'if-none-match': script.headers.get('etag') ?? '' });
  expect(again.status).toBe(304);
});

test('nothing but what was meant to be served is served', async () => {
  for (const path of [
    '/assets/../application.ts',
    '/assets/%2e%2e/guard.ts',
    '/assets/',
    '/vendor/',
    '/package.json',
    '/assets/jsconfig.json',
  ]) {
    expect((await ask(path)).status).toBe(404);
  }
});

test('with a token nothing is told without it, and a session opens and ends', async () => {
  const token = 'correct-horse-battery-staple';
  const guarded = openApplication(parts, token);
  const url = 'https://fleet.example:7440';
  const headers = { [intentHeader]: '1', 'content-type': 'application/json', host: 'fleet.example:7440' };
  expect((await guarded.request(`${url}/api/v1/runs`)).status).toBe(401);
  expect((await guarded.request(`${url}/assets/app.js`)).status).toBe(302);
  expect((await guarded.request(`${url}/sign-in`)).status).toBe(200);
  expect((await guarded.request(`${url}/api/v1/runs`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(
    200,
  );
  expect((await guarded.request(`${url}/api/v1/runs`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(
    401,
  );
  const signIn = async (given: unknown) =>
    await guarded.request(`${url}/api/v1/session`, { method: 'POST', headers, body: JSON.stringify({ token: given }) });
  for (const wrong of ['wrong', '', undefined, 7, null]) expect((await signIn(wrong)).status).toBe(401);
  const cookie = (await signIn(token)).headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(/HttpOnly; Secure; SameSite=Strict/);
  expect(cookie).not.toContain(token);
  const session = { cookie: String(cookie.split(';')[0]) };
  expect((await guarded.request(`${url}/api/v1/runs`, { headers: session })).status).toBe(200);
  const forged = { cookie: session.cookie.replace(/=\d+/, '=99999999999999') };
  expect((await guarded.request(`${url}/api/v1/runs`, { headers: forged })).status).toBe(401);
  const later = openApplication(parts, token, 1e12);
  expect((await later.request(`${url}/api/v1/runs`, { headers: session })).status).toBe(401);
});
