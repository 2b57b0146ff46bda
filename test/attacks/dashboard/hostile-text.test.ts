// Names, notes, programs and logs of candidates that would run in a page that trusted them, in a real browser.

import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSources, hostile, type TestSources } from '../../../coordinator/dashboard/dashboard.test-support.ts';
import { type Dashboard, startDashboard } from '../../../coordinator/dashboard/server.ts';
import { silentLogger } from '../../../shared/log.ts';
import { measured } from '../../support/measured.ts';

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
if (browserPath === undefined) console.warn('skipped: no Chromium; install it with: apt-get install chromium');
const inBrowser = test.skipIf(browserPath === undefined);
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
let browser: Browser | undefined;
let parts: TestSources;
let dashboard: Dashboard;

beforeAll(async () => {
  parts = await createSources(60);
  const tls = { ca: '', certificate: '', key: '' };
  const { sources } = parts;
  dashboard = await startDashboard({ listen: '127.0.0.1:0', tokenFile: '', tls, sources, log: silentLogger });
  if (browserPath === undefined) return;
  browser = await chromium.launch({ executablePath: browserPath, args: flags.split(' ') });
});
afterAll(async () => {
  await browser?.close();
  await dashboard.stop();
  await parts.remove();
});

async function newPage(): Promise<Page> {
  if (browser === undefined) throw new Error('no browser');
  return await browser.newPage({ viewport: { width: 1400, height: 900 } });
}

inBrowser('browser: hostile text is shown as it is, on every page, and runs nowhere', async ({ task }) => {
  const run = '/runs/digits-0001';
  const candidate = '/candidates/digits-0001-00002';
  const tabs = ['code', 'diff', 'log', 'transcript'].map((tab) => `${candidate}?tab=${tab}`);
  const places = [run, `${run}/tree?at=digits-0001-00005`, ...tabs, '/fleet', '/', '/ledger'];
  for (const place of places) {
    const page = await newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(new URL(place, dashboard.url).href);
    if (place !== '/' && place !== '/ledger') await page.getByText(hostile).first().waitFor();
    else await page.locator('.title').waitFor();
    expect(await page.title()).not.toBe('owned');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints, place).toEqual([]);
    await page.close();
  }
  measured(task, `${places.length} pages`);
});

inBrowser('browser: positive control, a page that trusts the same text runs it', async () => {
  const page = await newPage();
  await page.setContent(`<title>mine</title><a title="${hostile}</a>`);
  await expect.poll(() => page.title(), { timeout: 20_000 }).toBe('owned');
  await page.close();
});

inBrowser('browser: were a page of ours to trust a text, its own policy would stop it', async () => {
  const page = await newPage();
  await page.goto(dashboard.url);
  const outcome = await page.evaluate<string>(
    `(() => { try { document.body.innerHTML = ${JSON.stringify(hostile)}; return 'trusted'; } catch (error) { return error.name; } })()`,
  );
  expect(outcome).toBe('TypeError');
  expect(await page.title()).not.toBe('owned');
  await page.close();
});
