// The outcome of a sealed run: the score of what is handed in, the winner or an ensemble, and each finalist's validation score.

import { candidateLink, h } from './dom.js';
import { count, score } from './format.js';

/** What is handed in is worth this; undefined without a winner. Verdicts of early versions had only the winner's own score. @param {any} verdict */
export function finalScore({ finalScore: crossFitted, finalists = [], winnerId }) {
  return crossFitted ?? finalists.find((/** @type {any} */ it) => it.candidateId === winnerId)?.validationScore;
}

/** The official test score of what is handed in, where it is known. @param {any} verdict */
function finalTestScore({ ensemble, finalists = [], winnerId }) {
  if (ensemble?.selected) return ensemble.testScore;
  return finalists.find((/** @type {any} */ it) => it.candidateId === winnerId)?.testScore;
}

/** A note of the verdict as a sentence. @param {string} note */
function sentence(note) {
  return `${note.charAt(0).toUpperCase()}${note.slice(1)}.`;
}

/** @param {any} verdict @param {Map<string, { number: number, idea: string }>} byId */
export function verdictPanel(verdict, byId) {
  const { winnerId, finalists = [], intervalLow, intervalHigh, baselineValidationScore, baselineName } = verdict;
  if (!winnerId) {
    return h(
      'section',
      { class: 'panel verdict' },
      h('h2', {}, 'Verdict'),
      h('p', {}, 'It ended without a valid candidate.'),
    );
  }
  const testScore = finalTestScore(verdict);
  const named = (/** @type {string} */ id) => candidateLink(id, byId.has(id) ? `#${byId.get(id)?.number}` : undefined);
  const scale = scaleOf(finalists, verdict);
  return h(
    'section',
    { class: 'panel verdict' },
    h(
      'div',
      { class: 'summary' },
      h('h2', {}, 'Verdict'),
      h(
        'div',
        { class: 'figure big' },
        h('span', { class: 'value good' }, score(finalScore(verdict))),
        h('span', { class: 'more' }, `95 % interval ${score(intervalLow)} – ${score(intervalHigh)}`),
      ),
      h(
        'p',
        {},
        named(winnerId),
        ' wins on ',
        h('b', {}, verdict.metric),
        `, ${verdict.lowerIsBetter ? 'lower' : 'higher'} is better, on ${count(verdict.validationRows)} rows that the search never saw.`,
      ),
      h('p', { class: 'soft' }, byId.get(winnerId)?.idea ?? ''),
      ensembleLine(verdict.ensemble, named),
      luckLine(verdict),
      searchChoiceLine(verdict, named),
      ...(verdict.notes ?? []).map((/** @type {string} */ note) => h('p', { class: 'soft' }, sentence(note))),
      h('p', { class: 'soft' }, `Baseline: ${score(baselineValidationScore)}, ${baselineName}.`),
      testScore === undefined ? null : h('p', {}, 'Official test score ', h('b', {}, score(testScore))),
      h(
        'p',
        { class: 'soft small' },
        'Ledger ',
        h(
          'a',
          { href: `/ledger?run=${encodeURIComponent(verdict.runId)}` },
          h('code', {}, (verdict.ledgerHead ?? '').slice(0, 16)),
        ),
      ),
    ),
    h(
      'table',
      { class: 'finalists' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['', 'search', 'validation', 'interval', 'P(best)'].map((title) =>
            h('th', { class: /search|validation|P/.test(title) ? 'number' : undefined }, title),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        finalists.map((/** @type {any} */ it) => finalistRow(it, it.candidateId === winnerId, named, scale)),
      ),
    ),
  );
}

/** Whether the blend was taken. @param {any} ensemble @param {(id: string) => Node} named */
function ensembleLine(ensemble, named) {
  if (!ensemble) return null;
  const members = ensemble.members.flatMap((/** @type {any} */ it, /** @type {number} */ index) => [
    index === 0 ? '' : ', ',
    named(it.candidateId),
    ` ${percent(it.weight)}`,
  ]);
  const sure = `better than the winner alone with probability ${percent(ensemble.probabilityBetter)}`;
  const words = `${ensemble.rule}: ${score(ensemble.validationScore)}, ${sure}`;
  const fate = ensemble.selected ? 'handed in' : 'not sure enough, so the winner alone is handed in';
  return h('p', { class: ensemble.selected ? '' : 'soft' }, 'Ensemble of ', ...members, `, ${words}; ${fate}.`);
}

/** Why the result is not the winner's score on the validation rows. @param {any} verdict */
function luckLine(verdict) {
  const own = verdict.finalists?.find((/** @type {any} */ it) => it.candidateId === verdict.winnerId)?.validationScore;
  const final = finalScore(verdict);
  if (verdict.ensemble?.selected || own === undefined || Math.abs(final - own) < 1e-12) return null;
  const words = `On those rows it scores ${score(own)}; the result leaves out the luck of being chosen among ${verdict.finalists.length} finalists on them.`;
  return h('p', { class: 'soft' }, words);
}

/** What the search score alone would have taken. @param {any} verdict @param {(id: string) => Node} named */
function searchChoiceLine({ searchWinnerId, searchWinnerValidationScore, winnerId }, named) {
  if (!searchWinnerId || searchWinnerId === winnerId) return null;
  const unknown = searchWinnerValidationScore === undefined || searchWinnerValidationScore === null;
  const worth = unknown
    ? ', which has no score on these rows.'
    : `, worth ${score(searchWinnerValidationScore)} on these rows.`;
  return h('p', { class: 'soft' }, 'The search score alone would have chosen ', named(searchWinnerId), worth);
}

/** @param {number} share */
function percent(share = 0) {
  return `${Math.round(share * 100)} %`;
}

/** @param {any} it @param {boolean} wins @param {(id: string) => Node} named @param {ReturnType<typeof scaleOf>} scale */
function finalistRow(it, wins, named, scale) {
  return h(
    'tr',
    { class: wins ? 'wins' : '' },
    h('td', {}, named(it.candidateId)),
    h('td', { class: 'number' }, score(it.searchScore)),
    h('td', { class: 'number' }, score(it.validationScore)),
    h('td', { class: 'span' }, interval(it.validationScore, it.validationStandardError ?? 0, scale)),
    h('td', { class: 'number' }, percent(it.probabilityBest)),
  );
}

/** From the best to the worst end of all intervals; the baseline where it is not far off. @param {any[]} finalists @param {any} verdict */
function scaleOf(finalists, verdict) {
  // Zeros are left out of messages, and what has no score is null.
  const ends = finalists.flatMap(({ validationScore = 0, validationStandardError: error = 0 }) =>
    validationScore === null ? [] : [validationScore - 2 * error, validationScore + 2 * error],
  );
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const { baselineValidationScore: baseline = 0 } = verdict;
  const close = baseline !== null && baseline > low - (high - low) && baseline < high + (high - low);
  const from = close ? Math.min(low, baseline) : low;
  const to = close ? Math.max(high, baseline) : high;
  return {
    baseline: close ? baseline : undefined,
    place: (/** @type {number} */ value) => 2 + (96 * (value - from)) / (to - from || 1),
  };
}

/** @param {number | null | undefined} value @param {number} error @param {ReturnType<typeof scaleOf>} scale */
function interval(value = 0, error, { baseline, place }) {
  if (value === null) return null;
  const bar = h('div', { class: 'interval', title: `${score(value)} ± ${error.toPrecision(2)}` });
  const add = (/** @type {string} */ name, /** @type {number} */ left, /** @type {number} */ width) => {
    const part = h('i', { class: name });
    part.style.left = `${left}%`;
    if (width > 0) part.style.width = `${width}%`;
    bar.append(part);
  };
  add('range', place(value - 1.96 * error), place(value + 1.96 * error) - place(value - 1.96 * error));
  if (baseline !== undefined) add('base', place(baseline), 0);
  add('dot', place(value), 0);
  return bar;
}
