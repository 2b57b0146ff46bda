// How many scores a run and a line of candidates may learn. Every answer tells a little about the hidden labels, so there is
// an end to them (threats: probing the score).
//
// A query is a score for predictions that the run had not submitted before: a repeated file, or other bytes with the same
// predictions, costs none and tells nothing new.

/** Most queries of a run, and of a candidate's line: itself and all of its ancestors. */
export interface QueryBudget {
  readonly run: number;
  readonly lineage: number;
}

/** Generous: the largest fleet asks for 8,000 scores in a search; a line of a thousand generations is a long one. */
export const defaultQueries: QueryBudget = { run: 100_000, lineage: 1000 };

/** What the run and the candidate's ancestors have used. */
export interface QueriesUsed {
  readonly run: number;
  readonly lineage: number;
}

/** The part of a run's budget that looks at unfinished work may reach: the other part is for what attempts hand in at their end. */
const looksPart = 0.5;

/**
 * `score`: within both budgets. `withhold`: the line has used its own, so the score is for ranking alone and the agents
 * see none. `refuse`: the run has used its budget. `refuseLook`: it has used the part that looks may reach.
 */
export type QueryDecision = 'score' | 'withhold' | 'refuse' | 'refuseLook';

/** Decides on one more query: a candidate's own submission, or (`exploratory`) a look of an attempt that goes on. */
export function decideQuery(used: QueriesUsed, budget: QueryBudget, exploratory: boolean): QueryDecision {
  if (used.run >= budget.run) return 'refuse';
  if (exploratory && used.run >= budget.run * looksPart) return 'refuseLook';
  return used.lineage >= budget.lineage ? 'withhold' : 'score';
}
