// The lineage as a picture: generations from left to right, the first parent by a line, the second by a dashed one.

import { idea, isScored, ranking, winnerOf } from '../core/history.ts';
import { type LineageNode, lineage, standing } from '../core/lineage.ts';
import type { Candidate, Run } from '../core/model.ts';
import { score } from '../core/quantity.ts';
import { oneLine, shorten } from '../core/text.ts';
import { html, type Markup, when } from './markup.ts';

/** Beyond this the picture is no help; the best ones and their ancestors are drawn. */
const mostNodes = 150;
const box = { left: 20, top: 14, column: 140, row: 30, nodeWidth: 104, nodeHeight: 22 };

interface Placed {
  readonly candidate: Candidate;
  readonly x: number;
  readonly y: number;
}

/** The candidates to draw: all, or the best ones with all their ancestors. */
function drawn(candidates: readonly Candidate[], lowerIsBetter: boolean): readonly Candidate[] {
  if (candidates.length <= mostNodes) return candidates;
  const byId = new Map(candidates.map((candidate) => [candidate.candidateId, candidate]));
  const kept = new Set<Candidate>();
  const keep = (candidate: Candidate | undefined): void => {
    if (candidate === undefined || kept.has(candidate)) return;
    kept.add(candidate);
    for (const parent of candidate.parentIds) keep(byId.get(parent));
  };
  for (const candidate of ranking(candidates, lowerIsBetter)) {
    if (kept.size >= mostNodes) break;
    keep(candidate);
  }
  return candidates.filter((candidate) => kept.has(candidate));
}

export function lineageChart(run: Run, candidates: readonly Candidate[]): Markup {
  const lowerIsBetter = run.taskInfo?.lowerIsBetter ?? true;
  const shown = drawn(candidates, lowerIsBetter);
  const places = layOut(lineage(shown));
  const byId = new Map(places.map((node) => [node.candidate.candidateId, node]));
  const width = Math.max(...places.map((node) => node.x), 0) + box.nodeWidth + box.left;
  const height = Math.max(...places.map((node) => node.y), 0) + box.nodeHeight + box.top;
  const winner = winnerOf(run.verdict, candidates)?.candidateId;
  const shades = shadesOf(shown, lowerIsBetter);
  return html`<div class="scroll"><svg class="lineage" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Lineage">
    ${places.map((node) => edges(node, byId))}
    ${places.map((node) => nodeMark(node, shades.get(node.candidate.candidateId) ?? 0, node.candidate.candidateId === winner))}
  </svg></div>${when(
    shown.length < candidates.length,
    () => html`<p class="note">The best candidates and their ancestors: ${shown.length} of ${candidates.length}.</p>`,
  )}`;
}

/** Leaves get a row each; a parent stands beside the middle of its children. */
function layOut(roots: readonly LineageNode[]): Placed[] {
  const places: Placed[] = [];
  let nextRow = 0;
  const visit = (node: LineageNode): number => {
    const rows = node.children.map(visit);
    const first = rows[0];
    const last = rows.at(-1);
    const row = first === undefined || last === undefined ? nextRow++ : (first + last) / 2;
    places.push({
      candidate: node.candidate,
      x: box.left + node.depth * box.column,
      y: box.top + row * box.row,
    });
    return row;
  };
  for (const root of roots) visit(root);
  return places;
}

/** 0 (worst) to 4 (best) by rank; equal scores share the better one. */
function shadesOf(candidates: readonly Candidate[], lowerIsBetter: boolean): ReadonlyMap<string, number> {
  const ranked = ranking(candidates, lowerIsBetter);
  let place = 0;
  return new Map(
    ranked.map((candidate, index) => {
      if (candidate.searchScore !== ranked[place]?.searchScore) place = index;
      return [candidate.candidateId, Math.min(4, Math.floor(((ranked.length - place) / ranked.length) * 5))];
    }),
  );
}

function edges(node: Placed, byId: ReadonlyMap<string, Placed>): Markup {
  const paths = node.candidate.parentIds.map((id, index) => {
    const parent = byId.get(id);
    if (parent === undefined) return html``;
    const fromX = parent.x + box.nodeWidth;
    const fromY = parent.y + box.nodeHeight / 2;
    const toY = node.y + box.nodeHeight / 2;
    // A second parent may stand further right; then the curve leaves it backwards, which is what happened.
    const bend = Math.max(18, (node.x - fromX) / 2);
    return html`<path class="edge ${index > 0 ? 'second' : ''}" d="M${fromX} ${fromY}C${fromX + bend} ${fromY} ${node.x - bend} ${toY} ${node.x} ${toY}"/>`;
  });
  return html`${paths}`;
}

function nodeMark({ candidate, x, y }: Placed, shade: number, wins: boolean): Markup {
  const words = `#${candidate.number} ${candidate.operator ?? ''}: ${standing(candidate)}. ${shorten(oneLine(idea(candidate)), 160)}`;
  const look = isScored(candidate) ? `shade${shade}` : candidate.state;
  const value = isScored(candidate) ? score(candidate.searchScore) : shorten(standing(candidate), 10);
  return html`<g class="node ${look} ${wins ? 'wins' : ''}"><title>${words}</title>
    <rect x="${x}" y="${y}" width="${box.nodeWidth}" height="${box.nodeHeight}" rx="5"/>
    <text x="${x + 7}" y="${y + 15}"><tspan class="number">#${candidate.number}</tspan> ${value}</text></g>`;
}
