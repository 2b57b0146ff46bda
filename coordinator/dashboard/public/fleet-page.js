// Hosts, their slots, what runs on them, and why one takes no work.

import { get, getAll, poll } from './client.js';
import { candidateLink, fill, h, pointerIsUp } from './dom.js';
import { ago, bytes, duration, word } from './format.js';

const everyMs = 2000;
/** A heartbeat comes every second; so many without one are worth a look. */
const lateSeconds = 5;

/** @param {import('./app.js').PageContext} page */
export async function show({ element, signal, setTitle, addKeys }) {
  setTitle('Fleet');
  const total = h('p', { class: 'soft' });
  const body = h('div', { class: 'hosts' });
  fill(element, h('div', { class: 'title' }, h('h1', {}, 'Fleet'), total), body);
  addKeys({
    j: ['next attempt', () => moveFocus(body, 1)],
    k: ['attempt before', () => moveFocus(body, -1)],
  });
  /** What is known of candidates, so that an attempt has a number and an operator. @type {Map<string, any>} */
  const candidates = new Map();
  await poll(
    async () => {
      /** @type {any[]} */
      const hosts = [];
      await getAll('/hosts', 'hosts', signal, (items) => hosts.push(...items));
      await readCandidates(hosts, candidates, signal);
      await pointerIsUp();
      const slots = hosts.flatMap((host) => host.slots ?? []);
      const busy = slots.filter((slot) => slot.attempts?.length > 0).length;
      total.textContent =
        hosts.length === 0
          ? ''
          : `${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'}, ${slots.length} slots, ${busy} busy`;
      const focused =
        document.activeElement instanceof HTMLElement ? document.activeElement.getAttribute('href') : null;
      fill(
        body,
        hosts.length === 0
          ? h('div', { class: 'empty' }, 'No host has been heard yet. Start one with: doubleblind up')
          : hosts.map((host) => hostPanel(host, candidates)),
      );
      if (focused !== null)
        for (const link of body.querySelectorAll('a')) if (link.getAttribute('href') === focused) link.focus();
    },
    everyMs,
    signal,
  );
}

/** @param {any[]} hosts @param {Map<string, any>} known @param {AbortSignal} signal */
async function readCandidates(hosts, known, signal) {
  const ids = hosts.flatMap((host) =>
    (host.slots ?? []).flatMap((/** @type {any} */ slot) =>
      (slot.attempts ?? []).map((/** @type {any} */ it) => it.attemptId),
    ),
  );
  for (const id of known.keys()) if (!ids.includes(id)) known.delete(id);
  // A page of a large fleet shows the first ones by name; a request each for hundreds would be too many.
  const missing = ids.filter((id) => !known.has(id) || known.get(id).startedAt === undefined).slice(0, 40);
  await Promise.all(
    missing.map(async (id) => known.set(id, (await get(`/candidates/${encodeURIComponent(id)}`, signal)).candidate)),
  );
}

/** @param {HTMLElement} body @param {number} by */
function moveFocus(body, by) {
  const links = [...body.querySelectorAll('a')];
  const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

/** @param {any} host @param {Map<string, any>} candidates */
function hostPanel(host, candidates) {
  const state = word(host.state);
  const late = state !== 'lost' && host.heartbeatAgeSeconds > lateSeconds;
  return h(
    'section',
    { class: 'panel host' },
    h(
      'div',
      { class: 'panel-head' },
      h('h2', {}, host.host),
      h('span', { class: `pill ${state}` }, state),
      host.reason && h('span', { class: 'reason' }, host.by ? `${host.reason} (by ${host.by})` : host.reason),
      h('span', { class: 'space' }),
      h(
        'span',
        { class: 'soft' },
        `${host.address} · ${host.version || 'unknown version'} · since ${ago(host.since)} · `,
      ),
      h('span', { class: late ? 'bad' : 'soft' }, `heard ${duration(host.heartbeatAgeSeconds)} ago`),
    ),
    h(
      'table',
      { class: 'slots' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Slot', 'Device', 'Memory', 'Health', 'Load', 'Attempts'].map((title) => h('th', {}, title)),
        ),
      ),
      h(
        'tbody',
        {},
        (host.slots ?? []).map((/** @type {any} */ slot) => slotRow(slot, candidates)),
      ),
    ),
  );
}

/** @param {any} slot @param {Map<string, any>} candidates */
function slotRow(slot, candidates) {
  const attempts = slot.attempts ?? [];
  const cells = h(
    'span',
    { class: 'cells', title: `${attempts.length} of ${slot.capacity} places` },
    Array.from({ length: Math.min(16, slot.capacity ?? 1) }, (_, index) =>
      h('i', { class: index < attempts.length ? 'on' : '' }),
    ),
  );
  const health = slot.health || 'unknown';
  return h(
    'tr',
    {},
    h('td', {}, h('code', {}, slot.slotId)),
    h('td', {}, slot.deviceName || word(slot.kind)),
    h('td', {}, bytes(slot.deviceMemoryBytes)),
    h(
      'td',
      {},
      h('span', { class: `health ${health}` }, health),
      slot.healthReason && h('span', { class: 'reason' }, ` ${slot.healthReason}`),
    ),
    h('td', {}, cells),
    h(
      'td',
      { class: 'attempts' },
      attempts.length === 0
        ? h('span', { class: 'faint' }, 'idle')
        : attempts.map((/** @type {any} */ it) => attemptChip(it, candidates.get(it.attemptId))),
    ),
  );
}

/** @param {any} attempt @param {any} candidate */
function attemptChip({ runId, attemptId, epoch }, candidate) {
  const operator = word(candidate?.operator);
  return h(
    'span',
    { class: 'chip', title: `lease of epoch ${epoch}` },
    candidateLink(attemptId, candidate ? `${runId} #${candidate.number}` : undefined),
    operator && h('span', { class: `operator ${operator}` }, operator),
    h(
      'span',
      { class: 'soft' },
      candidate?.startedAt ? duration((Date.now() - Date.parse(candidate.startedAt)) / 1000) : 'starting',
      ` · epoch ${epoch}`,
    ),
  );
}
