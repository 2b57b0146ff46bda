// All runs, newest first.

import { go } from './address.js';
import { getAll, poll } from './client.js';
import { fill, h, pointerIsUp, runLink } from './dom.js';
import { ago, clock, count, dollars, duration, score, word } from './format.js';
import { finalScore } from './verdict.js';
import { WindowTable } from './window-table.js';

const everyMs = 2000;

/** @param {import('./app.js').PageContext} page */
export async function show({ element, signal, addKeys, setTitle }) {
  setTitle('Runs');
  const table = new WindowTable({
    label: 'Runs',
    keyOf: (run) => run.runId,
    open: (run) => go(`/runs/${encodeURIComponent(run.runId)}`),
    empty: 'No runs yet. Start one with: doubleblind run TASK',
    columns: [
      { title: 'Run', class: 'wide', cell: (run) => runLink(run.runId), sort: (run) => run.runId },
      { title: 'State', class: 'w-m', cell: statePill, sort: (run) => run.state },
      {
        title: 'Metric',
        class: 'w-m soft',
        cell: (run) => `${run.taskInfo?.metric ?? ''} ${run.taskInfo?.lowerIsBetter ? '↓' : '↑'}`,
      },
      {
        title: 'Best search',
        class: 'number w-m',
        cell: (run) => (run.bestCandidateId ? score(run.bestSearchScore) : '–'),
      },
      { title: 'Verdict', class: 'number w-m', cell: (run) => verdictOf(run), sort: undefined },
      { title: 'Scored', class: 'w-l', cell: progress, sort: ownScored, descending: true },
      {
        title: 'Failed',
        class: 'number w-s',
        cell: (run) => run.attemptsFailed || '',
        sort: (run) => run.attemptsFailed,
        descending: true,
      },
      {
        title: 'Running',
        class: 'number w-s',
        cell: (run) => run.attemptsRunning || '',
        sort: (run) => run.attemptsRunning,
        descending: true,
      },
      {
        title: 'Elapsed',
        class: 'number w-m',
        cell: (run) => duration(run.elapsedSeconds),
        sort: (run) => run.elapsedSeconds,
        descending: true,
      },
      {
        title: 'Cost',
        class: 'number w-s',
        cell: (run) => dollars(run.usage?.dollars),
        sort: (run) => run.usage?.dollars ?? 0,
        descending: true,
      },
      {
        title: 'Started',
        class: 'number w-l soft',
        cell: (run) => h('span', { title: clock(run.createdAt) }, ago(run.createdAt)),
        sort: (run) => run.createdAt,
        descending: true,
      },
    ],
  });
  const total = h('p', { class: 'soft' });
  fill(element, h('div', { class: 'title' }, h('h1', {}, 'Runs'), total), table.element);
  table.element.classList.add('tall');
  addKeys(table.keys);
  table.element.focus({ preventScroll: true });
  await poll(
    async () => {
      /** @type {any[]} */
      const runs = [];
      await getAll('/runs', 'runs', signal, (items) => runs.push(...items));
      await pointerIsUp();
      const active = runs.filter(({ state }) => state !== 'RUN_STATE_SEALED' && state !== 'RUN_STATE_KILLED').length;
      total.textContent = runs.length === 0 ? '' : `${count(runs.length)} in all, ${active} under way`;
      table.setRows(runs);
    },
    everyMs,
    signal,
  );
}

/** @param {any} run */
export function statePill(run) {
  const state = word(run.state);
  return h('span', { class: `pill ${state}`, title: run.endReason ? `ended by: ${run.endReason}` : undefined }, state);
}

/** @param {any} run */
function verdictOf(run) {
  const worth = run.verdict ? finalScore(run.verdict) : undefined;
  if (worth !== undefined) return h('b', {}, score(worth));
  return run.verdict ? h('span', { class: 'bad', title: 'It ended without a valid candidate.' }, 'no winner') : '';
}

/** Scored candidates, of those that were asked for. @param {any} run */
function progress(run) {
  const wanted = run.options?.candidates ?? 0;
  const own = ownScored(run);
  if (wanted === 0) return count(own);
  return [meter(own / wanted), ` ${count(own)} / ${count(wanted)}`];
}

/** Without those that a fork began with: they are not in its budget. @param {any} run @returns {number} */
export function ownScored({ candidatesScored = 0, inheritedCandidates = 0 }) {
  return candidatesScored - inheritedCandidates;
}

/** A small bar. @param {number} share */
export function meter(share) {
  const bar = h('i');
  bar.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  return h('span', { class: 'meter' }, bar);
}
