// Where an operator's request is carried out: on the live actor, or for `validate_only` on a stage of its own, so that the very
// same checks and steps are gone through and nothing of it is kept.

import type { Event, StampedEvent } from '../core/event.ts';
import { rehearse } from '../core/rehearsal.ts';
import type { State } from '../core/state.ts';

/** What handlers of requests that change something need of the actor. */
export interface Stage {
  /** To be read between events, never kept across an await, never written. */
  readonly state: Readonly<State>;
  /** True where nothing is kept; whoever would write elsewhere (the evaluator, the artifact store) then leaves it. */
  readonly isRehearsal: boolean;
  /** Resolves with true once the event is in the journal, with false where the state does not admit it. */
  post(event: Event): Promise<boolean>;
  /** Working time now, in milliseconds. */
  clockMs(): number;
}

/** The stage for a request. */
export function stageOf(
  actor: Stage & { rehearsal(): Stage },
  { validateOnly }: { readonly validateOnly: boolean },
): Stage {
  return validateOnly ? actor.rehearsal() : actor;
}

/** A stage that begins with the live state; after an event it has what that event concerns, as it would be. */
export function newRehearsal(live: Readonly<State>, stamp: () => Pick<StampedEvent, 'at' | 'clockMs'>): Stage {
  let state = live;
  return {
    isRehearsal: true,
    get state() {
      return state;
    },
    post(event) {
      const before = state.sequence;
      state = rehearse(state, { ...event, ...stamp(), sequence: before + 1 });
      return Promise.resolve(state.sequence > before);
    },
    clockMs: () => stamp().clockMs,
  };
}
