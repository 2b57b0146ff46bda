// The application: which page an address means, keys, and the bar at the top.

import { go } from './address.js';
import * as candidatePage from './candidate-page.js';
import { onConnection } from './client.js';
import { fill, h } from './dom.js';
import * as fleetPage from './fleet-page.js';
import * as ledgerPage from './ledger-page.js';
import * as lineagePage from './lineage-page.js';
import * as runPage from './run-page.js';
import * as runsPage from './runs-page.js';

/**
 * What a page is given.
 * @typedef {object} PageContext
 * @property {HTMLElement} element where it shows itself
 * @property {string} id of the run or candidate, where the address names one
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborts when another page is shown
 * @property {(keys: Record<string, [string, () => void]>) => void} addKeys keys with what they do
 * @property {(title: string) => void} setTitle
 * @property {(values: Record<string, string | undefined>) => void} setQuery changes the address without leaving the page
 */

/** @typedef {{ show(context: PageContext): Promise<void> | void }} Page */

/** @type {[RegExp, Page][]} */
const pages = [
  [/^\/$/, runsPage],
  [/^\/runs\/([^/]+)$/, runPage],
  [/^\/runs\/([^/]+)\/tree$/, lineagePage],
  [/^\/candidates\/([^/]+)$/, candidatePage],
  [/^\/fleet$/, fleetPage],
  [/^\/ledger$/, ledgerPage],
];

/** What an address without a page shows. @type {Page} */
const missingPage = {
  show({ element: view, setTitle: title }) {
    title('No such page');
    const text = h('p', {}, location.pathname, ' · ', h('a', { href: '/' }, 'to the runs'));
    fill(view, h('div', { class: 'empty' }, h('h1', {}, 'There is no such page'), text));
  },
};

/** @type {Record<string, [string, () => void]>} */
const globalKeys = {
  'g r': ['runs', () => go('/')],
  'g f': ['fleet', () => go('/fleet')],
  'g l': ['ledger', () => go('/ledger')],
  '?': ['these keys', toggleHelp],
  Escape: ['close this', () => void closeHelp()],
};

const bar = /** @type {HTMLElement} */ (document.getElementById('bar'));
const element = /** @type {HTMLElement} */ (document.getElementById('page'));
/** @type {Record<string, [string, () => void]>} */
let pageKeys = {};
let leave = new AbortController();
let pending = '';
let pendingSince = 0;

async function show() {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  pageKeys = {};
  closeHelp();
  const { pathname, search } = location;
  const [pattern, page] = pages.find(([candidate]) => candidate.test(pathname)) ?? [/^/, missingPage];
  const id = decodeURIComponent(pattern.exec(pathname)?.[1] ?? '');
  markPlace(pathname);
  setTitle('');
  const view = h('div', { class: 'view' });
  fill(element, view);
  scrollTo(0, 0);
  try {
    await page.show({ element: view, id, query: new URLSearchParams(search), signal, addKeys, setTitle, setQuery });
  } catch (error) {
    if (signal.aborted) return;
    fill(view, h('div', { class: 'empty' }, h('h1', {}, 'This cannot be shown'), h('p', {}, messageOf(error))));
  }
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof TypeError
    ? 'The coordinator cannot be reached.'
    : error instanceof Error
      ? error.message
      : String(error);
}

/** @param {Record<string, [string, () => void]>} keys */
function addKeys(keys) {
  pageKeys = { ...pageKeys, ...keys };
}

/** @param {string} title */
function setTitle(title) {
  document.title = title === '' ? 'Doubleblind' : `${title} · Doubleblind`;
}

/** @param {Record<string, string | undefined>} values */
function setQuery(values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? query.set(name, value) : query.delete(name);
  history.replaceState(null, '', `${location.pathname}${query.size > 0 ? `?${query}` : ''}`);
}

/** @param {string} pathname */
function markPlace(pathname) {
  for (const link of bar.querySelectorAll('nav a')) {
    const path = link.getAttribute('href');
    const here = path === '/' ? /^\/($|runs|candidates)/.test(pathname) : pathname === path;
    link.toggleAttribute('aria-current', here);
  }
}

function drawBar() {
  const state = h('span', { class: 'connection', role: 'status' });
  const words = { live: 'live', away: 'reconnecting…', idle: '' };
  onConnection((connection) => {
    state.dataset['state'] = connection;
    state.textContent = words[connection];
  });
  fill(
    bar,
    h(
      'a',
      {
        href: '/',
        class: 'brand',
        title: 'Agents never see the search labels; the search never sees the validation labels.',
      },
      h('i', { class: 'glyph', 'aria-hidden': 'true' }),
      'doubleblind',
    ),
    h(
      'nav',
      { 'aria-label': 'Pages' },
      h('a', { href: '/' }, 'Runs'),
      h('a', { href: '/fleet' }, 'Fleet'),
      h('a', { href: '/ledger' }, 'Ledger'),
    ),
    h('span', { class: 'space' }),
    state,
    h('button', { class: 'quiet', title: 'Keys (?)', 'aria-label': 'Keys', onclick: toggleHelp }, '?'),
  );
}

function toggleHelp() {
  if (closeHelp()) return;
  const rows = Object.entries({ ...pageKeys, ...globalKeys }).map(([keys, [what]]) =>
    h(
      'tr',
      {},
      h(
        'td',
        {},
        keys.split(' ').map((key) => [h('kbd', {}, key === 'Escape' ? 'esc' : key), ' ']),
      ),
      h('td', {}, what),
    ),
  );
  const dialog = h(
    'dialog',
    { class: 'help', 'aria-label': 'Keys' },
    h('h2', {}, 'Keys'),
    h('table', {}, h('tbody', {}, rows)),
  );
  dialog.addEventListener('click', closeHelp);
  document.body.append(dialog);
  dialog.showModal();
}

/** True where it was open. */
function closeHelp() {
  const dialog = document.querySelector('dialog.help');
  dialog?.remove();
  return dialog !== null;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  // Enter on a link or button is theirs.
  if (event.key === 'Enter' && /^(A|BUTTON|SUMMARY)$/.test(target.tagName)) return;
  const keys = { ...globalKeys, ...pageKeys };
  const sequence = pending !== '' && event.timeStamp - pendingSince < 1500 ? `${pending} ${event.key}` : event.key;
  pending = '';
  const action = keys[sequence]?.[1];
  if (action !== undefined) {
    event.preventDefault();
    action();
  } else if (Object.keys(keys).some((known) => known.startsWith(`${event.key} `))) {
    pending = event.key;
    pendingSince = event.timeStamp;
  }
}

/** Links of ours change the page without loading everything again. @param {MouseEvent} event */
function onClick(event) {
  const link = /** @type {Element} */ (event.target).closest('a');
  if (link === null || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey)
    return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || link.hasAttribute('download') || url.pathname.startsWith('/api/')) return;
  event.preventDefault();
  go(`${url.pathname}${url.search}`);
}

drawBar();
addEventListener('keydown', onKey);
addEventListener('popstate', () => void show());
document.addEventListener('click', onClick);
void show();
