// What changed between another candidate's files and this one's.

import { get } from './client.js';
import { fill, h } from './dom.js';
import { scoreWithError, word } from './format.js';
import { diffLines } from './vendor.js';

/** Unchanged lines that stay round a change. */
const context = 4;
/** Two programs with nothing in common would take seconds to compare. */
const longestMs = 1500;

/**
 * @param {HTMLElement} element
 * @param {{ candidate: any, relatives: { role: string, candidate: any }[], query: URLSearchParams, setQuery: (values: Record<string, string | undefined>) => void, signal: AbortSignal }} options
 */
export async function diffView(element, { candidate, relatives, query, setQuery, signal }) {
  if (relatives.length === 0) {
    fill(
      element,
      h('div', { class: 'empty' }, 'It has no parent, and it is the best itself: there is nothing to compare with.'),
    );
    return;
  }
  const mine = await filesOf(candidate.candidateId, signal);
  const body = h('div', { class: 'files' });
  const choice = h(
    'select',
    { 'aria-label': 'Compare with' },
    relatives.map((one) =>
      h(
        'option',
        { value: one.candidate.candidateId },
        `${one.role}: #${one.candidate.number} (${one.candidate.searchScore === undefined ? word(one.candidate.state) : scoreWithError(one.candidate)})`,
      ),
    ),
  );
  const wanted = query.get('against');
  if (wanted !== null && relatives.some((one) => one.candidate.candidateId === wanted)) choice.value = wanted;
  const draw = async () => {
    try {
      const theirs = await filesOf(choice.value, signal);
      const paths = [...new Set([...mine.texts.keys(), ...theirs.texts.keys()])];
      const parts = paths
        .map((path) => fileDiff(path, theirs.texts.get(path), mine.texts.get(path)))
        .filter((part) => part !== undefined);
      const others = Math.max(mine.others, theirs.others);
      const files = others === 1 ? 'a file' : `${others} files`;
      const unseen = others === 0 ? '' : `Not compared: ${files} without text, or too long.`;
      fill(
        body,
        parts.length === 0 ? h('div', { class: 'empty' }, `The texts are the same. ${unseen}`) : parts,
        parts.length > 0 && unseen !== '' && h('p', { class: 'soft' }, unseen),
      );
    } catch (error) {
      if (!signal.aborted)
        fill(body, h('div', { class: 'empty' }, error instanceof Error ? error.message : 'It cannot be shown.'));
    }
  };
  choice.addEventListener('change', () => {
    setQuery({ against: choice.value });
    void draw();
  });
  fill(element, h('div', { class: 'tab-head' }, 'Against ', choice), body);
  await draw();
}

/** Texts by path, and how many files have none. @param {string} id @param {AbortSignal} signal */
async function filesOf(id, signal) {
  /** @type {{ files: { path: string, text?: string }[] }} */
  const { files } = await get(`/candidates/${encodeURIComponent(id)}/files`, signal);
  /** @type {Map<string, string>} */
  const texts = new Map();
  for (const { path, text } of files) if (text !== undefined) texts.set(path, text);
  return { texts, others: files.length - texts.size };
}

/** @param {string} path @param {string | undefined} before @param {string | undefined} after */
function fileDiff(path, before = '', after = '') {
  if (before === after) return undefined;
  const changes = diffLines(before, after, { timeout: longestMs }) ?? [
    { value: before, removed: true },
    { value: after, added: true },
  ];
  const rows = rowsOf(changes);
  const added = rows.filter(({ mark }) => mark === '+').length;
  const removed = rows.filter(({ mark }) => mark === '-').length;
  return h(
    'section',
    { class: 'file' },
    h(
      'header',
      {},
      h('b', {}, path),
      h('span', { class: 'plus' }, ` +${added}`),
      h('span', { class: 'minus' }, ` −${removed}`),
    ),
    h('div', { class: 'diff' }, h('table', {}, h('tbody', {}, visible(rows).map(drawRow)))),
  );
}

/** @typedef {{ mark: string, text: string, left: number | undefined, right: number | undefined }} Row */

/** @param {{ value: string, added?: boolean, removed?: boolean }[]} changes @returns {Row[]} */
function rowsOf(changes) {
  /** @type {Row[]} */
  const rows = [];
  let [left, right] = [1, 1];
  for (const { value, added, removed } of changes) {
    for (const text of value.replace(/\n$/, '').split('\n')) {
      rows.push({
        mark: added ? '+' : removed ? '-' : ' ',
        text,
        left: added ? undefined : left,
        right: removed ? undefined : right,
      });
      if (!added) left += 1;
      if (!removed) right += 1;
    }
  }
  return rows;
}

/** Changes with some lines round them; a gap where lines are left out. @param {Row[]} rows @returns {(Row | undefined)[]} */
function visible(rows) {
  const keep = new Uint8Array(rows.length);
  for (const [index, { mark }] of rows.entries()) {
    if (mark !== ' ') keep.fill(1, Math.max(0, index - context), index + context + 1);
  }
  /** @type {(Row | undefined)[]} */
  const out = [];
  for (const [index, row] of rows.entries()) {
    if (keep[index] === 1) out.push(row);
    else if (index === 0 || keep[index - 1] === 1) out.push(undefined);
  }
  return out;
}

/** @param {Row | undefined} row */
function drawRow(row) {
  if (row === undefined) return h('tr', { class: 'gap' }, h('td', { colspan: 4 }, '⋯'));
  const kind = row.mark === '+' ? 'added' : row.mark === '-' ? 'removed' : '';
  return h(
    'tr',
    { class: kind },
    h('td', { class: 'at' }, row.left ?? ''),
    h('td', { class: 'at' }, row.right ?? ''),
    h('td', { class: 'mark' }, row.mark),
    h('td', {}, h('code', {}, row.text)),
  );
}
