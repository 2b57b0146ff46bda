import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Asker,
  asking,
  createSources,
  here,
  hostile,
  intent,
  openApplication,
  type TestSources,
} from './dashboard.test-support.ts';

let parts: TestSources;
let ask: Asker;

beforeAll(async () => {
  parts = await createSources(25);
  ask = asking(openApplication(parts));
});
afterAll(async () => await parts.remove());

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

test('an address without a page shows the application, which says so; JSON is for the API alone', async () => {
  const nowhere = await ask('/zzz');
  expect([nowhere.status, nowhere.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
  expect(await nowhere.text()).toBe(await (await ask('/')).text());
  expect(nowhere.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
  const api = await ask('/api/zzz');
  expect([api.status, api.headers.get('content-type')]).toEqual([404, 'application/json']);
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
    await openApplication(parts).request(`${here}/api/v1${path}`, {
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
