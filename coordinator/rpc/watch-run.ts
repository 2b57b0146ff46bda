// A run's events with the run and the candidate as each event left them.
//
// The history is folded again from the run's own events (step.ts, invariant 4), in a state of the watcher's own: so past
// events show the past, and the live state is never touched. Invariants: 1. Events come in order, each once. 2. The stream ends after
// the event that seals the run, or that killed it, where the run was not sealed since.

import type { AttemptId, RunId } from '../../shared/core/ids.ts';
import type { Input, Services } from '../../shared/rpc/definitions.ts';
import { timestampFromDate } from '../../shared/rpc/timestamp.ts';
import { runOf, type StampedEvent } from '../core/event.ts';
import { newState, type State } from '../core/state.ts';
import { step } from '../core/step.ts';
import type { Journal } from '../journal/journal.ts';
import type { SearchActor } from '../runs/search-actor.ts';
import { candidateToWire, runToWire } from './wire.ts';

type WatchRunResponse = Services['doubleblind.coordinator.v1.SearchService']['watchRun']['response'];

/** Events read at once: about 5 ms of the thread. */
const pageSize = 200;

/** Events of a run after a sequence number, then those to come. */
export async function* watchRun(
  {
    journal,
    actor,
  }: { readonly journal: Pick<Journal, 'readRun'>; readonly actor: Pick<SearchActor, 'state' | 'nextCommit'> },
  runId: RunId,
  afterSequence: number,
  signal: AbortSignal,
): AsyncGenerator<Input<WatchRunResponse>> {
  const view = newState();
  let read = 0;
  while (!signal.aborted) {
    const more = actor.nextCommit();
    const events = journal.readRun(runId, read, pageSize);
    for (const event of events) {
      step(view, event);
      read = event.sequence;
      if (event.sequence > afterSequence) yield describe(view, actor.state, event);
      if (event.kind === 'runSealed' || (event.kind === 'runKilled' && isOver(actor.state, runId))) return;
    }
    // A full page is followed by another after others had the thread; an empty or short one by the next commit.
    await (events.length === pageSize ? new Promise<void>((resolve) => setImmediate(resolve)) : more);
  }
}

/**
 * True where a killed run has nothing more to tell. Asked of the run as it is now: at the event of the kill every run looks killed, also
 * one that was sealed since. One that was deleted since tells nothing more either.
 */
function isOver(live: Readonly<State>, runId: RunId): boolean {
  const run = live.runs.get(runId);
  return run === undefined || run.phase === 'killed';
}

function describe(view: State, live: Readonly<State>, event: StampedEvent): Input<WatchRunResponse> {
  const runId = runOf(event);
  const run = runId === undefined ? undefined : view.runs.get(runId);
  const attempt = 'attemptId' in event ? view.attempts.get(event.attemptId as AttemptId) : undefined;
  return {
    sequence: event.sequence,
    at: timestampFromDate(new Date(event.at)),
    kind: event.kind,
    candidate: attempt === undefined ? null : candidateToWire(attempt),
    run: run === undefined ? null : runToWire(run, { state: live, clockMs: view.clockMs }, 'brief'),
  };
}
