// What people tell the attempts of a run: with the run's options, and later by steering it.

import type { RunId } from '../../shared/core/ids.ts';
import type { Run, State } from './state.ts';

/** What fits a prompt beside everything else; the agents cut longer texts. */
export const mostGuidanceCharacters = 8192;

/** All guidance of a run, oldest first. */
export function guidanceOf({ options, steering }: Run): string {
  return [options.guidance, ...steering].filter((text) => text !== '').join('\n\n');
}

/** True where the text says something and there is room for it. The same again adds nothing: it may be a repetition. */
export function maySteer(run: Run, guidance: string): boolean {
  if (guidance.trim() === '' || run.steering.at(-1) === guidance) return false;
  return guidanceOf(run).length + 2 + guidance.length <= mostGuidanceCharacters;
}

/** What was added to a run since its creation. */
export interface AddedGuidance {
  readonly runId: RunId;
  /** All pieces, oldest first, so that a host can tell by their number which of them an attempt has heard. */
  readonly added: readonly string[];
}

/** What was added to the runs of these leases; a run to which nothing was added is left out. */
export function addedGuidance(state: State, leases: readonly { readonly runId: RunId }[]): AddedGuidance[] {
  return [...new Set(leases.map(({ runId }) => runId))].flatMap((runId) => {
    const added = state.runs.get(runId)?.steering ?? [];
    return added.length === 0 ? [] : [{ runId, added }];
  });
}
