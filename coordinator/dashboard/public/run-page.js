// One run, live: the verdict or where it stands, scores over time, what slots did, and every candidate.

import { go } from './address.js';
import { ApiError, post } from './client.js';
import { candidateLink, fill, h } from './dom.js';
import { bytes, clock, count, dollars, duration, score, scoreWithError } from './format.js';
import { offlineNotice } from './offline-notice.js';
import { operators } from './palette.js';
import { openRun } from './run-model.js';
import { meter, ownScored, statePill } from './runs-page.js';
import { scoreChart } from './score-chart.js';
import { busyShare, slotTimeline } from './slot-timeline.js';
import { verdictPanel } from './verdict.js';
import { WindowTable } from './window-table.js';

/** @typedef {import('./run-model.js').RunModel} RunModel */
/** @typedef {import('./run-model.js').Candidate} Candidate */

/** @param {import('./app.js').PageContext} page */
export async function show({ element, id, query, signal, addKeys, setTitle, setQuery }) {
  const model = await openRun(id, signal);
  const open = (/** @type {Candidate} */ candidate) => go(`/candidates/${encodeURIComponent(candidate.id)}`);
  const head = h('div', { class: 'title' });
  const figures = h('div', { class: 'figures' });
  const elapsed = elapsedOf(model, signal);
  const verdict = h('div');
  const chart = scoreChart(model, open, signal);
  const slots = slotTimeline(model, open, signal);
  const table = candidateTable(model, open);
  const filter = filterBar(query.get('show') ?? '', (text) => {
    setQuery({ show: text });
    update();
  });
  const busy = h('span', { class: 'soft' });
  const across = h('button', { class: 'quiet', title: 'Key: x', onclick: () => turn() }, 'over time');
  const turn = () => {
    across.textContent = chart.turn() === 'time' ? 'over time' : 'by number';
  };
  fill(
    element,
    head,
    offlineNotice(model, signal),
    verdict,
    figures,
    h(
      'section',
      { class: 'panel' },
      h('div', { class: 'panel-head' }, h('h2', {}, 'Search score'), legend(), h('span', { class: 'space' }), across),
      chart.element,
    ),
    h('section', { class: 'panel' }, h('div', { class: 'panel-head' }, h('h2', {}, 'Slots'), busy), slots.element),
    h(
      'section',
      { class: 'panel' },
      h('div', { class: 'panel-head' }, h('h2', {}, 'Candidates'), h('span', { class: 'space' }), filter.element),
      table.element,
    ),
  );

  let shownVerdict = false;
  const update = () => {
    const { run } = model;
    setTitle(run.runId);
    drawHead(head, model);
    drawFigures(figures, elapsed, model);
    if (run.verdict && !(shownVerdict && !model.loading)) {
      fill(verdict, verdictPanel(run.verdict, model.byId));
      shownVerdict = !model.loading;
    }
    const share = busyShare(model);
    busy.textContent = share === undefined ? '' : `busy ${Math.round(share * 100)} % of the time`;
    table.setRows(model.candidates.filter(filter.admits));
  };
  model.onChange(update);
  model.changed();
  addKeys({
    ...table.keys,
    'g t': ['lineage tree', () => go(`/runs/${encodeURIComponent(model.run.runId)}/tree`)],
    b: [
      'the best candidate',
      () => {
        if (model.run.bestCandidateId) go(`/candidates/${encodeURIComponent(model.run.bestCandidateId)}`);
      },
    ],
    x: ['score over time or by number', turn],
    '/': ['filter', () => filter.focus()],
    u: ['up to all runs', () => go('/')],
  });
}

function legend() {
  return h(
    'span',
    { class: 'legend' },
    h('span', { class: 'key best' }, 'best so far'),
    operators.map((operator) => h('span', { class: `operator ${operator}` }, operator)),
    h('span', { class: 'key cross' }, 'failed'),
  );
}

/** @param {HTMLElement} head @param {RunModel} model */
function drawHead(head, model) {
  const { run } = model;
  const path = `/runs/${encodeURIComponent(run.runId)}`;
  const button = (/** @type {string} */ verb, /** @type {string} */ title, /** @type {string} */ question = '') =>
    h(
      'button',
      { title, onclick: () => (question === '' || confirm(question)) && void change(`${path}/${verb}`, {}, model) },
      verb,
    );
  const steer = () => {
    const guidance = prompt(`A hint for the attempts of ${run.runId}, running ones included:`)?.trim();
    if (guidance) void change(`${path}/steer`, { guidance }, model);
  };
  const state = run.state;
  const info = run.taskInfo ?? {};
  const focused = document.activeElement?.closest('.title') === head ? document.activeElement.textContent : undefined;
  fill(
    head,
    h('h1', {}, run.runId),
    statePill(run),
    h(
      'p',
      { class: 'soft' },
      info.title || run.task,
      ' · ',
      h('b', {}, info.metric),
      info.lowerIsBetter ? ', lower is better' : ', higher is better',
      ` · started ${clock(run.createdAt)}`,
      run.endReason ? ` · ended by ${run.endReason}` : '',
      ` · seed ${run.options?.seed ?? ''}`,
    ),
    model.fault !== '' && h('p', { class: 'bad' }, `Nothing new is shown: ${model.fault}`),
    h('span', { class: 'space' }),
    h('a', { href: `${path}/tree`, class: 'button' }, 'lineage'),
    state === 'RUN_STATE_RUNNING' && button('pause', 'Begin no more attempts'),
    state === 'RUN_STATE_PAUSED' && button('resume', 'Begin attempts again'),
    ...(state === 'RUN_STATE_RUNNING' || state === 'RUN_STATE_PAUSED'
      ? [
          h('button', { title: 'Give every attempt a hint', onclick: steer }, 'steer'),
          button(
            'cancel',
            'End it early, with a winner',
            `Stop all attempts of ${run.runId} and seal it with what there is?`,
          ),
          button('kill', 'End it at once, without a winner', `Kill ${run.runId} at once, without a verdict?`),
        ]
      : []),
  );
  if (focused) for (const button of head.querySelectorAll('button')) if (button.textContent === focused) button.focus();
}

/** @param {string} path @param {Record<string, string>} body @param {RunModel} model */
async function change(path, body, model) {
  try {
    const { run } = await post(path, body);
    model.run = run;
    model.changed();
  } catch (error) {
    alert(error instanceof ApiError ? error.message : 'The coordinator cannot be reached.');
  }
}

/** Goes on between events, which may be hours apart. @param {RunModel} model @param {AbortSignal} signal */
function elapsedOf(model, signal) {
  const element = h('span');
  const draw = () => {
    const { wallSeconds } = model.run.options ?? {};
    fill(element, share(model.elapsedSeconds, wallSeconds === 86_400 && model.isOver ? 0 : wallSeconds, duration));
  };
  model.onChange(draw);
  const timer = setInterval(draw, 1000);
  signal.addEventListener('abort', () => clearInterval(timer));
  return element;
}

/** @param {HTMLElement} element @param {HTMLElement} elapsed @param {RunModel} model */
function drawFigures(element, elapsed, model) {
  const { run } = model;
  const { options = {}, usage = {} } = run;
  const best = model.byId.get(run.bestCandidateId);
  const reasons = new Map();
  for (const { state, failure } of model.candidates)
    if (state === 'failed') reasons.set(failure, (reasons.get(failure) ?? 0) + 1);
  const why = [...reasons]
    .sort((left, right) => right[1] - left[1])
    .map(([reason, number]) => `${number} ${reason}`)
    .join(', ');
  const hours = run.elapsedSeconds / 3600;
  fill(
    element,
    figure(
      'Best search score',
      run.bestCandidateId
        ? candidateLink(run.bestCandidateId, best ? scoreWithError(best) : score(run.bestSearchScore))
        : '–',
      best ? `#${best.number} ${best.operator}` : '',
    ),
    figure(
      'Scored',
      share(ownScored(run), options.candidates, count),
      [
        run.inheritedCandidates > 0 ? `${count(run.inheritedCandidates)} more inherited` : '',
        hours > 0.02 ? `${count(Math.round(ownScored(run) / hours))} an hour` : '',
      ]
        .filter((part) => part !== '')
        .join(', '),
    ),
    figure('Failed', count(run.attemptsFailed), why),
    figure('Running', count(run.attemptsRunning), `${count(run.attemptsPlanned)} planned so far`),
    figure('Elapsed', elapsed, ''),
    figure(
      'Slot time',
      share((usage.slotSeconds ?? 0) / 3600, options.slotHours, (value) => duration(value * 3600)),
      `peak memory ${bytes(usage.peakMemoryBytes)}`,
    ),
    figure(
      'Model',
      share(usage.dollars ?? 0, options.dollars, dollars),
      `${count(usage.turns)} turns, ${count(usage.inputTokens)} in, ${count(usage.outputTokens)} out`,
    ),
  );
}

/** @param {string} name @param {import('./dom.js').Child} value @param {string} more */
function figure(name, value, more) {
  return h(
    'div',
    { class: 'figure' },
    h('span', { class: 'name' }, name),
    h('span', { class: 'value' }, value),
    h('span', { class: 'more', title: more }, more),
  );
}

/** Used, and of how much. @param {number} used @param {number} limit @param {(value: number) => string} write */
function share(used = 0, limit, write) {
  return limit > 0 ? [write(used), h('span', { class: 'of' }, ` / ${write(limit)}`), meter(used / limit)] : write(used);
}

/** @param {RunModel} model @param {(candidate: Candidate) => void} open */
function candidateTable(model, open) {
  const known = (/** @type {string} */ id) => candidateLink(id, `#${model.byId.get(id)?.number ?? '?'}`);
  const worst = Number.MAX_VALUE;
  return new WindowTable({
    label: 'Candidates',
    keyOf: (/** @type {Candidate} */ row) => row.id,
    open,
    select: (row) => model.select(row?.id),
    classOf: (row) => (row.id === model.run.bestCandidateId ? 'best' : row.state === 'failed' ? 'failed' : ''),
    sortBy: 0,
    columns: [
      {
        title: '#',
        class: 'number w-xs',
        cell: (row) => candidateLink(row.id, row.number),
        sort: (row) => row.number,
        descending: true,
      },
      {
        title: 'Operator',
        class: 'w-m',
        cell: (row) => h('span', { class: `operator ${row.operator}` }, row.operator),
        sort: (row) => row.operator,
      },
      {
        title: 'Parents',
        class: 'w-s',
        cell: (row) => row.parents.map((id, index) => [index > 0 ? ' ' : '', known(id)]),
      },
      {
        title: 'Search score',
        class: 'number w-l',
        cell: scoreCell,
        sort: (row) => (row.state === 'scored' ? Number(row.searchScore) : model.lowerIsBetter ? worst : -worst),
      },
      { title: 'State', class: 'w-m', cell: (row) => stateCell(row), sort: (row) => `${row.state} ${row.failure}` },
      {
        title: 'Idea',
        class: 'wide',
        cell: (row) => h('span', { title: row.message || row.idea }, row.idea || row.message),
      },
      {
        title: 'Run',
        class: 'number w-s',
        cell: (row) => (row.runSeconds ? duration(row.runSeconds) : ''),
        sort: (row) => row.runSeconds,
        descending: true,
      },
      {
        title: 'Whole',
        class: 'number w-m',
        cell: (row) => (row.usage.wallSeconds ? duration(row.usage.wallSeconds) : ''),
        sort: (row) => row.usage.wallSeconds ?? 0,
        descending: true,
      },
      {
        title: 'Memory',
        class: 'number w-s',
        cell: (row) => (row.usage.peakMemoryBytes ? bytes(row.usage.peakMemoryBytes) : ''),
        sort: (row) => row.usage.peakMemoryBytes ?? 0,
        descending: true,
      },
      { title: 'Slot', class: 'w-ml soft', cell: (row) => row.slot, sort: (row) => row.slot },
    ],
  });
}

/** @param {Candidate} row */
function scoreCell(row) {
  if (row.searchScore === undefined) return '';
  return [
    row.wasBest ? h('span', { class: 'was-best', title: 'the best when it was scored' }, '★ ') : '',
    scoreWithError(row),
  ];
}

/** @param {Candidate} row */
function stateCell(row) {
  if (row.duplicateOf !== '') return h('span', { class: 'state', title: `the same as ${row.duplicateOf}` }, 'repeat');
  return h('span', { class: `state ${row.state}`, title: row.message }, row.failure || row.state);
}

/** @param {string} initial @param {(text: string) => void} changed */
function filterBar(initial, changed) {
  const field = h('input', {
    type: 'search',
    value: initial,
    placeholder: 'filter: failed, mutate, forest, #12 …',
    'aria-label': 'Filter candidates',
  });
  field.addEventListener('input', () => changed(field.value));
  return {
    element: field,
    focus: () => field.focus(),
    /** All words are somewhere in it. @param {Candidate} candidate */
    admits(candidate) {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (words.length === 0) return true;
      const text =
        `#${candidate.number} ${candidate.operator} ${candidate.state} ${candidate.failure} ${candidate.idea} ${candidate.slot} ${candidate.id}`.toLowerCase();
      return words.every((one) => (one.startsWith('#') ? text.startsWith(`${one} `) : text.includes(one)));
    },
  };
}
