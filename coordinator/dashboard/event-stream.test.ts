import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { newEventStreams, type StreamEvent } from './event-stream.ts';

/** More than may be open at once. */
const many = 100;

/** One endless stream under `/`, and how many of its sources are at work. */
function endless() {
  const atWork = { now: 0, begun: 0 };
  const streams = newEventStreams();
  async function* source(signal: AbortSignal): AsyncGenerator<StreamEvent> {
    atWork.now += 1;
    atWork.begun += 1;
    signal.addEventListener('abort', () => {
      atWork.now -= 1;
    });
    // More than anybody has room for who does not read.
    for (let id = 1; id <= many; id += 1) yield { id: String(id), data: {} };
    await new Promise(() => undefined);
  }
  const routes = new Hono();
  routes.onError((_, context) => context.body(null, 429));
  routes.get('/', (context) => streams.answer(context, source));
  return { routes, atWork };
}

test('a HEAD says what a GET would be, begins nothing and takes no place', async () => {
  const { routes, atWork } = endless();
  for (let asked = 0; asked < many; asked += 1) {
    const answer = await routes.request('/', { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  }
  expect(atWork.begun).toBe(0);
  const answer = await routes.request('/');
  expect(answer.status).toBe(200);
  await answer.body?.cancel();
});

test('a reader who goes ends the source and frees the place, whether the body was read or not', async () => {
  const { routes, atWork } = endless();
  for (let asked = 0; asked < many; asked += 1) {
    const leaving = new AbortController();
    const answer = await routes.request('/', { signal: leaving.signal });
    expect(answer.status).toBe(200);
    if (asked % 2 === 0) leaving.abort();
    else await answer.body?.cancel();
    await expect.poll(() => atWork.now).toBe(0);
  }
});
