// Where each candidate lies in the tree: generations from left to right, siblings below each other.

import { stratify, tree } from './vendor.js';

/** @typedef {import('./run-model.js').Candidate} Candidate */
/** @typedef {{ candidate: Candidate, x: number, y: number, place: number }} Node */
/** @typedef {{ from: Node, to: Node }} Edge */
/**
 * @typedef {object} Layout
 * @property {Node[]} nodes
 * @property {Edge[]} edges
 * @property {Edge[]} secondEdges
 * @property {number} width
 * @property {number} height
 * @property {number | undefined} best
 * @property {number | undefined} worst
 * @property {(id: string) => Set<string>} ancestryOf
 */

const columnWidth = 96;
const rowHeight = 30;
/** No candidate's id. */
const root = ' all';

/** @param {import('./run-model.js').RunModel} model @returns {Layout} */
export function layOut(model) {
  const { candidates, byId } = model;
  const places = ranks(model);
  const rows = [
    { id: root, parent: undefined },
    ...candidates.map(({ id, parents }) => ({ id, parent: byId.has(parents[0] ?? '') ? parents[0] : root })),
  ];
  const hierarchy = stratify()
    .id((/** @type {any} */ row) => row.id)
    .parentId((/** @type {any} */ row) => row.parent)(rows);
  tree()
    .nodeSize([rowHeight, columnWidth])
    .separation(() => 1)(hierarchy);
  /** @type {Map<string, Node>} */
  const nodes = new Map();
  let [low, high, far] = [Infinity, -Infinity, 0];
  hierarchy.each((/** @type {any} */ { id, x, y }) => {
    const candidate = byId.get(id);
    if (candidate === undefined) return;
    nodes.set(id, { candidate, x: y - columnWidth, y: x, place: places.at(id) });
    [low, high, far] = [Math.min(low, x), Math.max(high, x), Math.max(far, y - columnWidth)];
  });
  for (const node of nodes.values()) node.y -= low;
  return {
    // The best lie on top of others, and failures below all.
    nodes: [...nodes.values()].sort((left, right) => weight(left) - weight(right)),
    edges: edgesTo(nodes, 0),
    secondEdges: edgesTo(nodes, 1),
    width: far + 40,
    height: nodes.size === 0 ? 0 : high - low,
    best: places.best,
    worst: places.worst,
    ancestryOf: (id) => ancestry(byId, id),
  };
}

/** @param {Node} node */
function weight({ candidate, place }) {
  return candidate.state === 'scored' ? place : -1;
}

/** @param {Map<string, Node>} nodes @param {number} index of the parent */
function edgesTo(nodes, index) {
  /** @type {Edge[]} */
  const edges = [];
  for (const to of nodes.values()) {
    const from = nodes.get(to.candidate.parents[index] ?? '');
    if (from !== undefined) edges.push({ from, to });
  }
  return edges;
}

/** Places between 0 and 1 by rank, so that one terrible score does not make all others look alike. @param {import('./run-model.js').RunModel} model */
function ranks(model) {
  const scored = model.candidates.filter(({ state, searchScore }) => state === 'scored' && searchScore !== undefined);
  scored.sort((left, right) => (model.isBetter(Number(left.searchScore), Number(right.searchScore)) ? 1 : -1));
  const places = new Map(scored.map(({ id }, index) => [id, scored.length > 1 ? index / (scored.length - 1) : 1]));
  return {
    at: (/** @type {string} */ id) => places.get(id) ?? 0,
    best: scored.at(-1)?.searchScore,
    worst: scored[0]?.searchScore,
  };
}

/** The candidate and all that it descends from. @param {ReadonlyMap<string, Candidate>} byId @param {string} id */
function ancestry(byId, id) {
  const found = new Set();
  const open = [id];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const candidate = byId.get(next);
    if (candidate === undefined || found.has(next)) continue;
    found.add(next);
    open.push(...candidate.parents);
  }
  return found;
}
