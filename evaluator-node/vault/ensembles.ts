// Ensembles of finalists over their stored predictions: built from the search rows when a run is sealed, and put together
// again from the verdict's weights when the final submission is asked for.

import { type BlendRule, blend, blendRule, blendRuleNames, growEnsemble, votesOf } from '../core/ensemble.ts';
import type { EnsembleMember } from '../core/verdict.ts';
import { type LoadedTask, truthOf } from './scoring.ts';

/** Votes held in memory at once: 160 MB of them; larger tasks get no ensemble. */
const mostVotes = 2e7;

interface Finalist {
  readonly candidateId: string;
  /** False where it is quarantined, and so may not take part. */
  readonly eligible: boolean;
  /** Of all hidden rows. */
  readonly predictions: Float64Array;
}

export interface Ensemble {
  readonly members: readonly EnsembleMember[];
  /** In words. */
  readonly rule: string;
  /** Of all hidden rows. */
  readonly predictions: Float64Array;
}

/** The ensemble that the search rows favour; undefined where that is one finalist alone, or where a blend makes no sense. */
export function buildEnsemble(loaded: LoadedTask, finalists: readonly Finalist[]): Ensemble | undefined {
  const rule = blendRule(loaded.metric);
  const able = finalists.filter((finalist) => finalist.eligible);
  if (rule === undefined || able.length < 2 || !affordable(loaded, rule, able)) return;
  const votes = able.map(({ predictions }) => pickSearch(loaded, votesFor(loaded, rule, predictions)));
  const counts = growEnsemble(loaded.metric, rule, truthOf(loaded, 'search'), votes);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const members = able
    .map(({ candidateId }, index) => ({ candidateId, weight: (counts[index] ?? 0) / total }))
    .filter(({ weight }) => weight > 0)
    .sort((left, right) => right.weight - left.weight);
  if (members.length < 2) return;
  const byId = new Map(able.map(({ candidateId, predictions }) => [candidateId, predictions]));
  const predictions = blendMembers(loaded, members, (candidateId) => byId.get(candidateId) ?? new Float64Array());
  return { members, rule: blendRuleNames[rule], predictions };
}

/** The predictions of an ensemble for all hidden rows. */
export function blendMembers(
  loaded: LoadedTask,
  members: readonly EnsembleMember[],
  predictionsOf: (candidateId: string) => Float64Array,
): Float64Array {
  const rule = blendRule(loaded.metric);
  if (rule === undefined) throw new Error(`predictions for ${loaded.metric.name} cannot be blended`);
  const weighted = members.map(({ candidateId, weight }) => ({
    votes: votesFor(loaded, rule, predictionsOf(candidateId)),
    weight,
  }));
  return blend(rule, weighted, loaded.shape.classes.length);
}

function affordable(loaded: LoadedTask, rule: BlendRule, able: readonly Finalist[]): boolean {
  const width = rule === 'plurality' ? loaded.shape.classes.length : 1;
  return able.reduce((sum, { predictions }) => sum + predictions.length * width, 0) <= mostVotes;
}

function votesFor(loaded: LoadedTask, rule: BlendRule, predictions: Float64Array): Float64Array {
  return votesOf(rule, predictions, loaded.shape.classes.length);
}

function pickSearch(loaded: LoadedTask, votes: Float64Array): Float64Array {
  const rows = loaded.rowsOf.search;
  const width = votes.length / loaded.ids.size;
  const picked = new Float64Array(rows.length * width);
  rows.forEach((row, index) => {
    picked.set(votes.subarray(row * width, (row + 1) * width), index * width);
  });
  return picked;
}
