// What an operator watches of the coordinator, as Prometheus metrics.

import { eventRefusals } from '../shared/bus/event-signature.ts';
import { createMetrics, type Metrics } from '../shared/metrics.ts';
import type { StampedEvent } from './core/event.ts';
import { isHeld } from './core/host-steps.ts';
import type { Host, Run, State } from './core/state.ts';

export interface CoordinatorMetrics {
  readonly page: Metrics;
  /** Takes a commit into account. */
  commit(events: readonly StampedEvent[], commitMs: number): void;
  /** Takes into account how long small artifacts waited until they were on the disk. */
  artifactsStored(waitMs: number): void;
  /** Counts an event that its host did not sign. */
  refuse(reason: string): void;
}

/** From an fsync on a good disk (0.2 ms, measured) to one that needs a look. */
const commitBuckets = [0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 0.5, 2];

/** What is there now is read when a page is asked for, which costs a busy coordinator nothing in between. */
export interface CoordinatorNow {
  readonly state: Readonly<State>;
  /** Commands that wait for their outcome. */
  readonly commands: number;
}

export function newCoordinatorMetrics(now: () => CoordinatorNow): CoordinatorMetrics {
  const page = createMetrics('doubleblind_coordinator');
  const events = page.counter('events_total', 'Events in the journal, by kind.', ['kind']);
  const refused = page.counter('refused_events_total', 'Result events that their host did not sign, by reason.', [
    'reason',
  ]);
  // Of a series that begins with its first event nobody can see that it grew.
  for (const reason of eventRefusals) refused.add({ reason }, 0);
  const commits = page.histogram('commit_seconds', 'Time of one commit to the journal.', [], commitBuckets);
  const artifacts = page.histogram(
    'artifact_wait_seconds',
    'Time from when small artifacts came until they were on the disk.',
    [],
    commitBuckets,
  );
  page.gaugeOf('journal_sequence', 'Sequence number of the newest event.', () => now().state.sequence);
  page.gaugeOf('active_runs', 'Runs that are not sealed.', () => now().state.activeRuns.size);
  page.gaugeOf('running_runs', 'Runs that want slots: neither paused nor being sealed.', () => running(now().state));
  page.gaugeOf(
    'hosts',
    'Hosts, by whether they are lost without an operator having taken them out.',
    () => {
      const { hosts } = now().state;
      const lost = [...hosts.values()].filter(isMissed).length;
      return [
        { labels: { lost: 'true' }, value: lost },
        { labels: { lost: 'false' }, value: hosts.size - lost },
      ];
    },
    ['lost'],
  );
  page.gaugeOf('schedulable_slots', 'Slots of hosts that take work.', () => now().state.freeSlots.schedulable.size);
  page.gaugeOf('leased_attempts', 'Attempts under a lease.', () => leased(now().state));
  page.gaugeOf('commands', 'Commands that wait for their outcome.', () => now().commands);
  return {
    page,
    refuse: (reason) => refused.add({ reason }),
    artifactsStored: (waitMs) => artifacts.observe(waitMs / 1000),
    commit(committed, commitMs) {
      for (const { kind } of committed) events.add({ kind });
      commits.observe(commitMs / 1000);
    },
  };
}

/**
 * One that was cordoned or drained before it went away, or said itself that it was about to, is no surprise, and nobody is to be woken for
 * it.
 */
function isMissed(host: Host): boolean {
  return host.lost && !isHeld(host) && !host.description.draining;
}

function running(state: Readonly<State>): number {
  return [...state.activeRuns].filter((id) => wantsSlots(state.runs.get(id))).length;
}

function wantsSlots(run: Run | undefined): boolean {
  return run?.phase === 'running' || run?.phase === 'refitting';
}

function leased(state: Readonly<State>): number {
  let sum = 0;
  for (const runId of state.activeRuns) sum += state.runs.get(runId)?.inFlight.size ?? 0;
  return sum;
}
