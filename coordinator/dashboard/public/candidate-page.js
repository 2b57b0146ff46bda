// One candidate: code, what changed against a parent or the best, its log, how it came about, and what it used.

import { go } from './address.js';
import { ApiError, follow, get, post } from './client.js';
import { codeView } from './code-view.js';
import { diffView } from './diff-view.js';
import { candidateLink, fill, h, runLink } from './dom.js';
import { bytes, clock, count, dollars, duration, idea, score, scoreWithError, word } from './format.js';
import { transcriptView } from './transcript-view.js';

const tabs = ['code', 'diff', 'log', 'transcript'];
const finalStates = ['scored', 'failed', 'quarantined', 'refitted'];

/** @param {import('./app.js').PageContext} page */
export async function show(page) {
  const { element, id, query, signal, addKeys, setTitle, setQuery } = page;
  let { candidate } = await get(`/candidates/${encodeURIComponent(id)}`, signal);
  const { run } = await get(`/runs/${encodeURIComponent(candidate.runId)}`, signal);
  const relatives = await readRelatives(candidate, run, signal);
  setTitle(`#${candidate.number} of ${candidate.runId}`);
  const head = h('div');
  const body = h('div', { class: 'tab-body' });
  const bar = h('div', { class: 'tabs', role: 'tablist' });
  fill(element, head, bar, body);

  let tab =
    tabs.find((name) => name === query.get('tab')) ??
    (finalStates.includes(word(candidate.state)) && candidate.artifacts?.solutionDigest ? 'code' : 'transcript');
  let leaveTab = new AbortController();
  signal.addEventListener('abort', () => leaveTab.abort());
  const showTab = async (/** @type {string} */ name) => {
    tab = name;
    leaveTab.abort();
    leaveTab = new AbortController();
    setQuery({ tab: name });
    const focused = bar.contains(document.activeElement);
    fill(
      bar,
      tabs.map((one, index) =>
        h(
          'button',
          {
            role: 'tab',
            'aria-selected': one === tab ? 'true' : 'false',
            title: `Key: ${index + 1}`,
            onclick: () => void showTab(one),
          },
          one,
        ),
      ),
    );
    if (focused) /** @type {HTMLElement | null} */ (bar.querySelector('[aria-selected="true"]'))?.focus();
    const inner = h('div');
    fill(body, inner);
    try {
      await drawTab(name, inner, { candidate, relatives, query, setQuery, signal: leaveTab.signal });
    } catch (error) {
      if (!leaveTab.signal.aborted)
        fill(inner, h('div', { class: 'empty' }, error instanceof Error ? error.message : 'It cannot be shown.'));
    }
  };
  drawHead(head, candidate, run, relatives);
  addKeys(keysOf(showTab, candidate, run));
  await showTab(tab);
  if (!finalStates.includes(word(candidate.state))) {
    followRun(run, candidate, signal, (next) => {
      const ended = finalStates.includes(word(next.state));
      candidate = next;
      drawHead(head, candidate, run, relatives);
      if (ended && tab !== 'transcript') void showTab(tab);
    });
  }
}

/** @param {(name: string) => Promise<void>} showTab @param {any} candidate @param {any} run @returns {Record<string, [string, () => void]>} */
function keysOf(showTab, candidate, run) {
  const runAddress = `/runs/${encodeURIComponent(run.runId)}`;
  const goTo = (/** @type {string | undefined} */ id) => {
    if (id) go(`/candidates/${encodeURIComponent(id)}`);
  };
  return {
    ...Object.fromEntries(
      tabs.map((name, index) => [
        String(index + 1),
        /** @type {[string, () => void]} */ ([name, () => void showTab(name)]),
      ]),
    ),
    p: ['first parent', () => goTo(candidate.parentIds[0])],
    b: ['the best candidate', () => goTo(run.bestCandidateId)],
    'g t': [
      'place in the lineage tree',
      () => go(`${runAddress}/tree?at=${encodeURIComponent(candidate.candidateId)}`),
    ],
    u: ['up to the run', () => go(runAddress)],
  };
}

/** Parents, and the best, to compare with. @param {any} candidate @param {any} run @param {AbortSignal} signal */
async function readRelatives(candidate, run, signal) {
  const wanted = [
    ...candidate.parentIds.map((/** @type {string} */ id, /** @type {number} */ index) => ({
      id,
      role: candidate.parentIds.length > 1 ? `parent ${'AB'[index]}` : 'parent',
    })),
    { id: run.bestCandidateId, role: 'best' },
    { id: run.verdict?.winnerId, role: 'winner' },
  ];
  const distinct = wanted.filter(
    ({ id }, index) => id && id !== candidate.candidateId && wanted.findIndex((other) => other.id === id) === index,
  );
  return await Promise.all(
    distinct.map(async ({ id, role }) => ({
      role,
      candidate: (await get(`/candidates/${encodeURIComponent(id)}`, signal)).candidate,
    })),
  );
}

/** @param {any} run @param {any} candidate @param {AbortSignal} signal @param {(candidate: any) => void} changed */
function followRun(run, candidate, signal, changed) {
  const over = new AbortController();
  signal.addEventListener('abort', () => over.abort());
  follow(`/runs/${encodeURIComponent(run.runId)}/events`, run.lastSequence, over.signal, {
    event(event) {
      if (event.candidate?.candidateId !== candidate.candidateId) return;
      changed(event.candidate);
      if (finalStates.includes(word(event.candidate.state))) over.abort();
    },
  });
}

/** @param {HTMLElement} head @param {any} candidate @param {any} run @param {{ role: string, candidate: any }[]} relatives */
function drawHead(head, candidate, run, relatives) {
  const release = async () => {
    const reason = prompt(`Why may #${candidate.number} go on? The reason is kept with it.`)?.trim();
    if (!reason) return;
    try {
      const path = `/candidates/${encodeURIComponent(candidate.candidateId)}/release`;
      drawHead(head, (await post(path, { reason })).candidate, run, relatives);
    } catch (error) {
      alert(error instanceof ApiError ? error.message : 'The coordinator cannot be reached.');
    }
  };
  const state = word(candidate.state);
  const failure = candidate.failureReason === 'FAILURE_REASON_UNSPECIFIED' ? '' : word(candidate.failureReason);
  const inTree = `/runs/${encodeURIComponent(candidate.runId)}/tree?at=${encodeURIComponent(candidate.candidateId)}`;
  const resources = resourcesOf(candidate).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
  fill(
    head,
    h(
      'div',
      { class: 'title' },
      h('h1', {}, runLink(candidate.runId), ` #${candidate.number} `),
      h('span', { class: `operator ${word(candidate.operator)}` }, word(candidate.operator)),
      h('span', { class: `pill ${state}` }, failure || state),
      candidate.candidateId === run.verdict?.winnerId && h('span', { class: 'pill won' }, 'winner'),
      candidate.candidateId === run.bestCandidateId && h('span', { class: 'pill best' }, 'best search score'),
      h('span', { class: 'space' }),
      state === 'quarantined' &&
        h('button', { title: 'Let it be a parent and a finalist', onclick: release }, 'release'),
      h('a', { class: 'button', href: inTree }, 'in the lineage'),
    ),
    h(
      'div',
      { class: 'candidate-head' },
      storyOf(candidate, run, relatives),
      h('dl', { class: 'resources' }, resources),
    ),
  );
}

/** Score, parents, note and failure. @param {any} candidate @param {any} run @param {{ role: string, candidate: any }[]} relatives */
function storyOf(candidate, run, relatives) {
  const named = (/** @type {string} */ id) => {
    const known = relatives.find((one) => one.candidate.candidateId === id)?.candidate;
    return candidateLink(id, known ? `#${known.number} (${outcomeOf(known)})` : undefined);
  };
  const parents = candidate.parentIds.map((/** @type {string} */ id, /** @type {number} */ index) => [
    index > 0 ? ' and ' : '',
    named(id),
  ]);
  const { metric = '', lowerIsBetter } = run.taskInfo ?? {};
  const about = `search score, ${metric}, ${lowerIsBetter ? 'lower' : 'higher'} is better`;
  const value = candidate.searchScore === undefined ? '–' : scoreWithError(candidate);
  return h(
    'div',
    { class: 'story' },
    h('div', { class: 'figure big' }, h('span', { class: 'value' }, value), h('span', { class: 'more' }, about)),
    validationOf(candidate, run),
    parents.length > 0 && h('p', {}, 'From ', parents),
    candidate.duplicateOf &&
      h(
        'p',
        {},
        `The same ${candidate.duplicateBy} as `,
        named(candidate.duplicateOf),
        ": it has that one's score and is no parent.",
      ),
    noteOf((candidate.note ?? '').trim()),
    candidate.failureMessage && h('p', { class: 'bad' }, candidate.failureMessage),
  );
}

/** Its score, or where it stands. @param {any} candidate */
function outcomeOf(candidate) {
  return candidate.searchScore === undefined ? word(candidate.state) : scoreWithError(candidate);
}

/** What it used and where; what is not known is left out. @param {any} candidate @returns {[string, import('./dom.js').Child][]} */
function resourcesOf({ usage = {}, artifacts = {}, ...candidate }) {
  const { inputTokens, outputTokens } = usage;
  const solution = artifacts.solutionDigest ?? '';
  /** @type {[string, unknown, import('./dom.js').Child][]} */
  const rows = [
    ['Clean-slate run', candidate.runSeconds, duration(candidate.runSeconds)],
    ['Whole attempt', usage.wallSeconds, duration(usage.wallSeconds)],
    ['Slot held', usage.slotSeconds, duration(usage.slotSeconds)],
    ['Processor', usage.cpuSeconds, duration(usage.cpuSeconds)],
    ['Peak memory', usage.peakMemoryBytes, bytes(usage.peakMemoryBytes)],
    ['Turns', usage.turns, count(usage.turns)],
    ['Tokens', inputTokens || outputTokens, `${count(inputTokens)} in, ${count(outputTokens)} out`],
    ['Cost', usage.turns, dollars(usage.dollars)],
    ['Host', candidate.host, `${candidate.host} ${candidate.slotId}`],
    ['Epoch', candidate.epoch, candidate.epoch],
    ['Ended', candidate.endedAt, clock(candidate.endedAt)],
    ['Solution', solution, h('code', { title: solution }, solution.slice(0, 12))],
  ];
  return rows.filter(([, known]) => Boolean(known)).map(([name, , shown]) => [name, shown]);
}

/** @param {string} note */
function noteOf(note) {
  const first = note.split('\n')[0];
  const rest = note.slice(first.length).trim();
  if (rest === '') return note === '' ? null : h('p', { class: 'note' }, h('b', {}, idea(note)));
  return h('details', { class: 'note', open: rest.length < 900 }, h('summary', {}, idea(note)), h('pre', {}, rest));
}

/** What the seal revealed of it. @param {any} candidate @param {any} run */
function validationOf(candidate, run) {
  const finalist = run.verdict?.finalists?.find((/** @type {any} */ it) => it.candidateId === candidate.candidateId);
  if (finalist === undefined) return null;
  const { validationScore, validationStandardError: standardError, testScore } = finalist;
  return h(
    'p',
    {},
    'Validation ',
    h('b', {}, scoreWithError({ searchScore: validationScore, standardError })),
    testScore === undefined ? '' : [', official test ', h('b', {}, score(testScore))],
    h('span', { class: 'soft' }, ', revealed at the seal'),
  );
}

/** @typedef {{ candidate: any, relatives: { role: string, candidate: any }[], query: URLSearchParams, setQuery: (values: Record<string, string | undefined>) => void, signal: AbortSignal }} TabContext */

/** @param {string} name @param {HTMLElement} element @param {TabContext} context */
async function drawTab(name, element, context) {
  const path = `/candidates/${encodeURIComponent(context.candidate.candidateId)}`;
  const { signal } = context;
  switch (name) {
    case 'code':
      fill(element, codeView((await get(`${path}/files`, signal)).files));
      return;
    case 'diff':
      await diffView(element, context);
      return;
    case 'log': {
      const { text, sizeBytes, cut } = await get(`${path}/log`, signal);
      fill(
        element,
        text === '' ? h('div', { class: 'empty' }, 'The log is empty.') : h('pre', { class: 'log' }, text),
        cut && h('p', { class: 'soft' }, `The end of ${bytes(sizeBytes)}.`),
      );
      return;
    }
    default:
      transcriptView(element, path, !finalStates.includes(word(context.candidate.state)), signal);
  }
}
