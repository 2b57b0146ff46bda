// A run's events one by one, with the hash of the whole state after them.

import type { StampedEvent } from '../core/event.ts';
import { newState } from '../core/state.ts';
import { step } from '../core/step.ts';
import { type Journal, stateHash } from './journal.ts';

/** A hash costs as much as the state is large: after this many events of the run only each hundredth has one, and the last. */
const hashedEvents = 500;
const hashEvery = 100;

export interface ReplayedEvent {
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly kind: string;
  /** The attempt with its epoch and host, where it is about one. */
  readonly about: string;
  /** The state's hash after the event; empty where it was not worked out. */
  readonly stateHash: string;
}

/** The run's events in order; undefined where no run, or more than one, begins so. */
export function replayRun(journal: Pick<Journal, 'events'>, prefix: string): ReplayedEvent[] | undefined {
  const state = newState();
  const found: ReplayedEvent[] = [];
  const runs = new Set<string>();
  for (const event of journal.events()) {
    step(state, event);
    if (!('runId' in event) || !event.runId.startsWith(prefix)) continue;
    runs.add(event.runId);
    const { sequence, at, kind } = event;
    const isHashed = found.length < hashedEvents || found.length % hashEvery === 0 || kind === 'runSealed';
    found.push({ sequence, at, kind, about: describe(event), stateHash: isHashed ? stateHash(state) : '' });
  }
  return runs.size === 1 ? found : undefined;
}

function describe(event: StampedEvent): string {
  if (event.kind === 'attemptPlanned')
    return `${event.attemptId} ${event.operator} of ${event.parents.join(' and ') || 'nothing'}`;
  if (event.kind === 'attemptLeased') return `${event.attemptId} epoch ${event.epoch} on ${event.host}/${event.slotId}`;
  if (event.kind === 'candidateScored') return `${event.attemptId} epoch ${event.epoch} ${event.score.value}`;
  if (event.kind === 'attemptEnded') {
    return `${event.attemptId} epoch ${event.epoch} on ${event.host} ${event.failureReason ?? 'with a submission'}`;
  }
  if ('attemptId' in event) return `${event.attemptId} epoch ${event.epoch}`;
  return event.kind === 'runSealing' ? event.endReason : '';
}
