// Who descends from whom. A candidate hangs below its first parent; a second parent (crossover) is named beside it.

import { idea, label } from './history.ts';
import type { Candidate } from './model.ts';
import { duration, score, scoreWithError } from './quantity.ts';
import { oneLine, shorten } from './text.ts';

export interface LineageNode {
  readonly candidate: Candidate;
  readonly children: readonly LineageNode[];
  /** Generations above it. */
  readonly depth: number;
}

/** Trees in the order of numbers. A parent that is not in the list, or not earlier, is treated as absent: no cycles. */
export function lineage(candidates: readonly Candidate[]): LineageNode[] {
  const sorted = [...candidates].sort((left, right) => left.number - right.number);
  const known = new Map(sorted.map((candidate) => [candidate.candidateId, candidate]));
  const children = new Map<string, Candidate[]>();
  const roots: Candidate[] = [];
  for (const candidate of sorted) {
    const parent = known.get(candidate.parentIds[0] ?? '');
    if (parent === undefined || parent.number >= candidate.number) roots.push(candidate);
    else children.set(parent.candidateId, [...(children.get(parent.candidateId) ?? []), candidate]);
  }
  const build = (candidate: Candidate, depth: number): LineageNode => ({
    candidate,
    depth,
    children: (children.get(candidate.candidateId) ?? []).map((child) => build(child, depth + 1)),
  });
  return roots.map((root) => build(root, 0));
}

/** A line of the drawn tree: the branches, then the candidate. */
export interface LineageLine {
  readonly branches: string;
  readonly candidate: Candidate;
}

/** The trees as lines with box characters. */
export function lineageLines(candidates: readonly Candidate[]): LineageLine[] {
  const lines: LineageLine[] = [];
  const visit = (node: LineageNode, stem: string, branch: string, below: string): void => {
    lines.push({ branches: stem + branch, candidate: node.candidate });
    node.children.forEach((child, index) => {
      const last = index === node.children.length - 1;
      visit(child, stem + below, last ? '└─ ' : '├─ ', last ? '   ' : '│  ');
    });
  };
  for (const root of lineage(candidates)) visit(root, '', '', '');
  return lines;
}

/** A candidate in a line of the tree. */
export function lineageText(candidate: Candidate, candidates: readonly Candidate[]): string {
  const second = candidate.parentIds[1];
  const operator =
    second === undefined ? candidate.operator : `${candidate.operator} with ${label(second, candidates)}`;
  const words = shorten(oneLine(idea(candidate)), 70);
  return [`#${candidate.number} ${operator ?? ''}`.trim(), standing(candidate), words]
    .filter((part) => part !== '')
    .join('  ');
}

/** Score, failure or state in a few words. */
export function standing(candidate: Candidate): string {
  if (candidate.state === 'scored' && candidate.searchScore !== null) {
    return scoreWithError(candidate.searchScore, candidate.standardError);
  }
  if (candidate.state === 'quarantined') return `quarantined at ${score(candidate.searchScore ?? Number.NaN)}`;
  if (candidate.state === 'failed') return failureWords(candidate);
  return candidate.state === 'running' && candidate.usage.wallSeconds > 0
    ? `running for ${duration(candidate.usage.wallSeconds)}`
    : candidate.state;
}

const reasons: Readonly<Record<string, string>> = {
  crash: 'crash',
  timeout: 'out of time',
  outOfMemory: 'out of memory',
  diskFull: 'disk full',
  noSubmission: 'no submission',
  badSubmission: 'bad submission',
  gaveUp: 'gave up',
  modelUnavailable: 'model unavailable',
  infrastructure: 'infrastructure',
  cancelled: 'cancelled',
  leaseLost: 'lease lost',
};

/** Why it failed, in two words. */
export function failureWords(candidate: Candidate): string {
  return candidate.failureReason === null ? 'failed' : (reasons[candidate.failureReason] ?? candidate.failureReason);
}

/** The line of the failure's message that says most: the last one of a traceback, else the first. */
export function failureDetail(candidate: Candidate): string {
  const lines = candidate.failureMessage.split('\n').filter((line) => line.trim() !== '');
  const exception = lines.findLast((line) => /^[\w.]*(Error|Exception|Interrupt|Exit)\b/.test(line.trim()));
  return oneLine(exception ?? lines[0] ?? '');
}
