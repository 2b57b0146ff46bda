// The runs that have not ended, however many newer ones have.
// Invariant: a look asks for a bounded number of runs, and only the first one reaches far back.

import type { Run } from './core/model.ts';
import type { Coordinator } from './rpc/coordinator.ts';

/** The newest runs that the first look goes through: four pages. */
const firstReach = 2000;
/** The newest runs that later looks go through: what has been created since is among them. */
const laterReach = 50;
/** Runs that are shown; more do not fit on a screen. */
const mostShown = 50;

/** The runs that have not ended, newest first as far as they are listed; `leased` are runs that hold a slot. */
type LiveRuns = (leased: readonly string[]) => Promise<Run[]>;

/** A reader that remembers from look to look which runs were live. */
export function liveRunsReader(coordinator: Pick<Coordinator, 'listRuns' | 'getRun'>): LiveRuns {
  let known: readonly string[] | undefined;
  return async (leased) => {
    const listed = await coordinator.listRuns(known === undefined ? firstReach : laterReach);
    const there = new Set(listed.map(({ runId }) => runId));
    const others = [...new Set([...(known ?? []), ...leased])].filter((id) => !there.has(id)).slice(0, mostShown);
    // One that has been removed since is no reason to show nothing.
    const older = await Promise.all(others.map((id) => coordinator.getRun(id).catch(() => undefined)));
    const runs = [...listed, ...older.filter((run) => run !== undefined)];
    const live = runs.filter(({ state }) => state !== 'sealed' && state !== 'killed').slice(0, mostShown);
    known = live.map(({ runId }) => runId);
    return live;
  };
}
