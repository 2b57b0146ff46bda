import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { application } from './application.ts';
import { createSources, hostile, type TestSources } from './dashboard.test-support.ts';
import { intentHeader } from './guard.ts';

let parts: TestSources;
let open: ReturnType<typeof application>;

beforeAll(async () => {
  parts = await createSources(25);
  open = openApplication();
});
afterAll(async () => await parts.remove());

const here = 'http://127.0.0.1:7440';
const intent = { [intentHeader]: '1', origin: here, host: '127.0.0.1:7440', 'sec-fetch-site': 'same-origin' };

function openApplication(token?: string) {
  const { sources } = parts;
  const loopback = token === undefined;
  return application({ sources, loopback, token, secure: !loopback, now: () => 1000, log: silentLogger });
}

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return await open.request(`${here}${path}`, { method, headers: { host: '127.0.0.1:7440', ...headers } });
}

test('a run is answered as the protocol writes it, with times as RFC 3339', async () => {
  const response = await ask('/api/v1/runs/digits-0001');
  expect(response.status).toBe(200);
  const { run } = (await response.json()) as { run: Record<string, unknown> };
  expect(run).toMatchObject({
    runId: 'digits-0001',
    state: 'RUN_STATE_RUNNING',
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
});

test('candidates come in pages, and a list carries the beginning of their notes only', async () => {
  const page = (await (await ask('/api/v1/runs/digits-0001/candidates?pageSize=10&view=list')).json()) as {
    candidates: { note: string }[];
    nextPageToken: string;
  };
  expect(page.candidates).toHaveLength(10);
  expect(page.nextPageToken).toBe('10');
  expect(Math.max(...page.candidates.map(({ note }) => note.length))).toBeLessThanOrEqual(160);
});

test('what is wrong with a request is said with a code', async () => {
  const unknown = await ask('/api/v1/runs/nothing');
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ code: 'notFound', reason: 'unknownRun' });
  expect((await ask('/api/v1/runs?pageSize=-1')).status).toBe(400);
  expect((await ask('/api/v1/runs/digits-0001/events?after=x')).status).toBe(400);
  expect((await ask('/api/v1/nothing')).status).toBe(404);
});

test('files and log of a candidate are text, whatever is in them', async () => {
  const { files } = (await (await ask('/api/v1/candidates/digits-0001-00002/files')).json()) as {
    files: { path: string; text: string }[];
  };
  expect(files[0]).toMatchObject({ path: 'main.py' });
  expect(files[0]?.text).toContain(hostile);
  const log = await ask('/api/v1/candidates/digits-0001-00002/log');
  expect(log.headers.get('content-type')).toBe('application/json');
  expect(((await log.json()) as { text: string }).text).toContain(hostile);
});

test('events carry their place, go on after the last one that the reader has, and say when they have ended', async () => {
  for (const sequence of [11, 12, 13]) parts.tell({ sequence, kind: 'clockTicked' });
  parts.tell({ sequence: 14, kind: 'runSealed' });
  const first = await (await ask('/api/v1/runs/digits-0001/events?after=11')).text();
  expect([...first.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(['12', '13', '14']);
  expect(first).toMatch(/event: end/);
  const resumed = await ask('/api/v1/runs/digits-0001/events?after=11', { 'last-event-id': '13' });
  expect(resumed.headers.get('content-type')).toBe('text/event-stream');
  expect([...(await resumed.text()).matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(['14']);
  expect(parts.watchedFrom.slice(-2)).toEqual([11, 13]);
});

test('a transcript goes on after the last entry that the reader has', async () => {
  const path = '/api/v1/candidates/digits-0001-00001/transcript';
  const ids = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id);
  expect(ids(await (await ask(path)).text())).toEqual(['0', '1', '2']);
  expect(ids(await (await ask(path, { 'last-event-id': '1' })).text())).toEqual(['2']);
});

test('a hint and a reason are texts of the body, and anything else is refused by its name', async () => {
  const post = async (path: string, body: unknown) =>
    await openApplication().request(`${here}/api/v1${path}`, {
      method: 'POST',
      headers: { ...intent, host: new URL(here).host },
      body: JSON.stringify(body),
    });
  expect((await post('/runs/digits-0001/steer', { guidance: 'try trees' })).status).toBe(200);
  expect((await post('/candidates/digits-0001-00001/release', { reason: 'seen' })).status).toBe(200);
  expect(parts.changes.splice(0)).toEqual(['steer digits-0001 try trees', 'release digits-0001-00001 seen']);
  for (const body of [undefined, 7, [], { guidance: 7 }, { reason: 'x' }]) {
    const refused = await post('/runs/digits-0001/steer', body);
    expect([refused.status, JSON.stringify(await refused.json())]).toEqual([400, expect.stringContaining('guidance')]);
  }
});

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
  const guarded = openApplication(token);
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
  const later = application({
    ...{ sources: parts.sources, loopback: false, token, secure: true, log: silentLogger },
    now: () => 1e12,
  });
  expect((await later.request(`${url}/api/v1/runs`, { headers: session })).status).toBe(401);
});
