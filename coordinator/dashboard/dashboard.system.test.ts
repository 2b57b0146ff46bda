// The pages in a real browser: keys, live events, and 10,000 candidates. What hostile text does is in test/attacks/dashboard.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { silentLogger } from '../../shared/log.ts';
import { createSources, type TestSources, testCandidate } from './dashboard.test-support.ts';
import { type Dashboard, startDashboard } from './server.ts';

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
if (browserPath === undefined) console.warn('skipped: no Chromium; install it with: apt-get install chromium');
const inBrowser = test.skipIf(browserPath === undefined);
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

const path = '/runs/digits-0001';
/** What is typed where a page asks for a text. */
const hint = 'try trees';
/** Times between frames over four seconds, sorted; text, because it runs in the page. */
const frameTimes = `(async () => {
  const found = [];
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  for (let last = await frame(), end = last + 4000; last < end; ) {
    const next = await frame();
    found.push(next - last);
    last = next;
  }
  return found.sort((left, right) => left - right);
})()`;
let browser: Browser | undefined;
let parts: TestSources;
let dashboard: Dashboard;

beforeAll(async () => {
  parts = await createSources(60);
  dashboard = await serve(parts);
  if (browserPath !== undefined) {
    browser = await chromium.launch({ executablePath: browserPath, args: flags.split(' ') });
  }
});

afterAll(async () => {
  await browser?.close();
  await dashboard.stop();
  await parts.remove();
});

async function serve({ sources }: TestSources, port = 0): Promise<Dashboard> {
  const tls = { ca: '', certificate: '', key: '' };
  return await startDashboard({ listen: `127.0.0.1:${port}`, tokenFile: '', tls, sources, log: silentLogger });
}

/** A page and everything that it complains of. */
async function open(address: string): Promise<{ page: Page; complaints: string[] }> {
  if (browser === undefined) throw new Error('no browser');
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('dialog', (dialog) => void dialog.accept(dialog.type() === 'prompt' ? hint : undefined));
  await page.goto(address);
  return { page, complaints };
}

inBrowser('everything is reached with keys, and every place has an address', async () => {
  const { page, complaints } = await open(dashboard.url);
  const at = (place: string | RegExp) => page.waitForURL((url) => new RegExp(place).test(url.pathname + url.search));
  // Two keys are one command only where they follow within a moment, which a busy machine may miss.
  const chord = async (keys: readonly string[], place: RegExp) => {
    for (let tries = 0; tries < 6; tries += 1) {
      for (const key of keys) await page.keyboard.press(key);
      const there = await page.waitForURL(place, { timeout: 5000 }).then(
        () => true,
        () => false,
      );
      if (there) return;
    }
    expect(page.url()).toMatch(place);
  };
  await page.locator('tr[data-key="digits-0001"]').waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await at('/runs/digits-0001$');
  await page.locator('tr[data-key="digits-0001-00060"]').waitFor();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.locator('tr[aria-selected="true"][data-key="digits-0001-00059"]').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('#11');
  await at('show=%2311');
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await at('/candidates/digits-0001-00011');
  await page.getByRole('tab').first().waitFor();
  await page.keyboard.press('2');
  await page.locator('.diff .added').first().waitFor();
  await page.keyboard.press('p');
  // The address has the tab once the page is there; a key pressed before goes to the page that is leaving.
  await at('/candidates/digits-0001-0000\\d\\?tab=');
  await chord(['g', 't'], /\/tree\?at=/);
  await page.getByText('colour by rank').waitFor();
  await page.keyboard.press('u');
  await at('/runs/digits-0001$');
  // A page has its keys once it is there.
  await page.locator('tr[data-key="digits-0001-00060"]').waitFor();
  await page.keyboard.press('?');
  await page.locator('dialog.help').getByText('next row').waitFor();
  await page.keyboard.press('Escape');
  await chord(['g', 'f'], /\/fleet/);
  await page.goBack();
  await at('/runs/digits-0001$');
  expect(complaints).toEqual([]);
  await page.close();
});

inBrowser('an address without a page says so and leads back', async () => {
  const { page } = await open(new URL('/zzz', dashboard.url).href);
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  await page.getByRole('link', { name: 'to the runs' }).click();
  await page.locator('tr[data-key="digits-0001"]').waitFor();
  expect(new URL(page.url()).pathname).toBe('/');
  await page.close();
});

inBrowser('the ledger shows whole what each record is, and what was told with it', async () => {
  const of = (sequence: number, body: object) => ({
    ...{ sequence, previousHash: '', hash: 'f'.repeat(64), signature: '' },
    bodyJson: JSON.stringify({ at: '2026-01-01T00:00:00.000Z', to: 'spiffe://doubleblind/operator/me', ...body }),
  });
  const records = [
    of(1, { type: 'finalSubmissionSent', runId: 'digits-0001', refitted: true }),
    of(2, { type: 'verdictRepeated', runId: 'digits-0001' }),
    of(3, { type: 'runForked', runId: 'digits-0002' }),
    of(4, { type: 'runSealed', runId: 'digits-0001', winnerId: 'digits-0001-00007', finalists: Array(10).fill({}) }),
  ];
  const listLedger = async () => await Promise.resolve({ records, nextPageToken: '', publicKeyPem: '' });
  const own = await serve({ ...parts, sources: { ...parts.sources, listLedger } } as TestSources);
  const { page } = await open(new URL('/ledger', own.url).href);
  await page.setViewportSize({ width: 900, height: 700 });
  const row = (sequence: number) => page.locator(`tr[data-key="${sequence}"]`);
  await row(1).getByText('the final submission, by refitted programs').waitFor();
  await row(2).getByText('the verdict, as it was told before').waitFor();
  await row(3).getByText('nothing', { exact: true }).waitFor();
  await row(4).getByText('the verdict over 10 finalists').waitFor();
  const cut = await page.evaluate<string[]>(
    '[...document.querySelectorAll("tr[data-key] td")].filter((td) => td.scrollWidth > td.clientWidth).map((td) => td.textContent)',
  );
  expect(cut).toEqual([]);
  await page.close();
  await own.stop();
});

inBrowser('on a telephone no page is wider than the screen', async () => {
  const { page, complaints } = await open(dashboard.url);
  await page.setViewportSize({ width: 420, height: 900 });
  for (const [place, sign] of [
    ['/', 'tr[data-key]'],
    [path, 'tr[data-key]'],
    ['/fleet', '.chip .operator'],
    ['/ledger', '.proof'],
    ['/candidates/digits-0001-00007', '.tabs'],
  ] as const) {
    await page.goto(new URL(place, dashboard.url).href);
    await page.locator(sign).first().waitFor();
    const beyond = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    expect([place, beyond]).toEqual([place, 0]);
  }
  expect(complaints).toEqual([]);
  await page.close();
});

inBrowser(
  'a button gets its click however often its page is drawn anew under it, and the time goes on between events',
  async () => {
    const own = await createSources(20);
    own.run.elapsedSeconds = 5;
    const server = await serve(own);
    const { page, complaints } = await open(new URL(path, server.url).href);
    await page.locator('.connection[data-state="live"]').waitFor();
    const elapsed = () => page.locator('.figure', { hasText: 'Elapsed' }).locator('.value').textContent();
    const before = await elapsed();
    await vi.waitFor(async () => expect(await elapsed()).not.toBe(before), { timeout: 20_000, interval: 200 });
    const place = await page.getByRole('button', { name: 'pause' }).boundingBox();
    let sequence = 10;
    const events = setInterval(() => {
      sequence += 1;
      const candidate = testCandidate(sequence + 10, '', '');
      own.tell({ sequence, kind: 'candidateScored', candidate, run: own.run });
    }, 30);
    await page.mouse.move((place?.x ?? 0) + 5, (place?.y ?? 0) + 5);
    await page.mouse.down();
    await page.waitForTimeout(400);
    await page.mouse.up();
    await vi.waitFor(() => expect(own.changes).toEqual(['pause digits-0001']), { timeout: 20_000 });
    clearInterval(events);
    expect(complaints).toEqual([]);
    await page.close();
    await server.stop();
    await own.remove();
  },
);

inBrowser('whoever follows a run beyond the end of a session is led to where one begins', async () => {
  const tokenFile = join(mkdtempSync(join(tmpdir(), 'doubleblind-token-')), 'token');
  writeFileSync(tokenFile, 'correct-horse-battery-staple\n', { mode: 0o600 });
  const tls = { ca: '', certificate: '', key: '' };
  const options = { tokenFile, tls, sources: parts.sources, log: silentLogger };
  let server = await startDashboard({ listen: '127.0.0.1:0', ...options });
  const { page } = await open(new URL('/sign-in', server.url).href);
  await page.locator('#token').fill('correct-horse-battery-staple');
  await page.keyboard.press('Enter');
  await page.locator('tr[data-key="digits-0001"]').waitFor();
  await page.goto(new URL(path, server.url).href);
  await page.locator('.connection[data-state="live"]').waitFor();
  await page.context().clearCookies();
  await server.stop();
  server = await startDashboard({ listen: `127.0.0.1:${new URL(server.url).port}`, ...options });
  await page.waitForURL(/sign-in/, { timeout: 30_000 });
  await page.close();
  await server.stop();
  rmSync(dirname(tokenFile), { recursive: true, force: true });
});

inBrowser('a run is followed as it goes, over a restart of the coordinator, and steered', async () => {
  const { page } = await open(new URL(path, dashboard.url).href);
  await page.locator('.connection[data-state="live"]').waitFor();
  const put = (sequence: number, number: number) =>
    parts.tell({ sequence, kind: 'candidateScored', candidate: testCandidate(number, '', ''), run: parts.run });
  put(11, 61);
  await page.locator('tr[data-key="digits-0001-00061"]').waitFor();
  const port = Number(new URL(dashboard.url).port);
  await dashboard.stop();
  await page.locator('.connection[data-state="away"]').waitFor();
  put(12, 62);
  dashboard = await serve(parts, port);
  await page.locator('tr[data-key="digits-0001-00062"]').waitFor({ timeout: 20_000 });
  expect(parts.watchedFrom.at(-1)).toBe(11);
  await page.getByText('rules, not a language model').waitFor();
  const run = { ...parts.run, bestCandidateId: 'digits-0001-00001' };
  parts.tell({ sequence: 13, kind: 'candidateScored', candidate: testCandidate(63, '', ''), run });
  await page.getByText('The offline policy wrote #1:').waitFor();
  await page.locator('.connection[data-state="live"]').waitFor();
  await page.getByRole('button', { name: 'pause' }).click();
  await page.getByRole('button', { name: 'resume' }).waitFor();
  await page.getByRole('button', { name: 'steer' }).click();
  await page.getByRole('button', { name: 'pause' }).waitFor();
  await page.getByRole('button', { name: 'cancel' }).click();
  await page.locator('.pill.sealing').waitFor();
  expect(parts.changes).toEqual(['pause digits-0001', `steer digits-0001 ${hint}`, 'cancel digits-0001']);
  await page.close();
});

inBrowser('with 10,000 candidates the document stays small and the page answers while events come', async () => {
  const many = await createSources(10_000);
  const large = await serve(many);
  const began = performance.now();
  const { page, complaints } = await open(new URL(path, large.url).href);
  await page.locator('.connection[data-state="live"]').waitFor({ timeout: 60_000 });
  const loadedMs = performance.now() - began;
  const gaps = page.evaluate<number[]>(frameTimes);
  for (let number = 10_001; number <= 10_200; number += 1) {
    many.tell({ sequence: number, kind: 'candidateScored', candidate: testCandidate(number, '', ''), run: many.run });
    if (number % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const sorted = await gaps;
  const share = (part: number) => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
  await page.locator('tr[data-key="digits-0001-10200"]').waitFor();
  const nodes = await page.evaluate<number>('document.querySelectorAll("*").length');
  await page.locator('.window-table').evaluate((table) => table.scrollTo(0, 5000 * 28));
  await page.locator('tr[data-key="digits-0001-05200"]').waitFor();
  console.info(
    `10,000 candidates: live after ${Math.round(loadedMs)} ms; 50 events a second: frames p50 ${share(0.5)} ms, p95 ${share(0.95)} ms, longest ${share(1)} ms; ${nodes} elements`,
  );
  expect(nodes).toBeLessThan(1500);
  await page.goto(new URL(`${path}/tree`, large.url).href);
  await page.getByText('colour by rank').waitFor();
  expect(complaints).toEqual([]);
  await page.close();
  await large.stop();
  await many.remove();
});
