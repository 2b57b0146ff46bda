// What an operator watches of the coordinator, as Prometheus metrics.

import { eventRefusals } from '../shared/bus/event-signature.ts';
import { createMetrics, type Metrics } from '../shared/metrics.ts';
import type { StampedEvent } from './core/event.ts';
import { isHeld } from './core/host-steps.ts';
import type { Host, Run, State } from './core/state.ts';

export interface CoordinatorMetrics {
  readonly page: Metrics;
  /** Takes a commit into account. */
  observe(state: Readonly<State>, events: readonly StampedEvent[], commitMs: number, commands: number): void;
  /** Counts an event that its host did not sign. */
  refuse(reason: string): void;
}

/** From an fsync on a good disk (0.2 ms, measured) to one that needs a look. */
const commitBuckets = [0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 0.5, 2];

export function newCoordinatorMetrics(): CoordinatorMetrics {
  const page = createMetrics('doubleblind_coordinator');
  const events = page.counter('events_total', 'Events in the journal, by kind.', ['kind']);
  const refused = page.counter('refused_events_total', 'Result events that their host did not sign, by reason.', [
    'reason',
  ]);
  // Of a series that begins with its first event nobody can see that it grew.
  for (const reason of eventRefusals) refused.add({ reason }, 0);
  const commits = page.histogram('commit_seconds', 'Time of one commit to the journal.', [], commitBuckets);
  const sequence = page.gauge('journal_sequence', 'Sequence number of the newest event.');
  const runs = page.gauge('active_runs', 'Runs that are not sealed.');
  const running = page.gauge('running_runs', 'Runs that want slots: neither paused nor being sealed.');
  const hosts = page.gauge('hosts', 'Hosts, by whether they are lost without an operator having taken them out.', [
    'lost',
  ]);
  const slots = page.gauge('schedulable_slots', 'Slots of hosts that take work.');
  const leases = page.gauge('leased_attempts', 'Attempts under a lease.');
  const underWay = page.gauge('commands', 'Commands that wait for their outcome.');
  return {
    page,
    refuse: (reason) => refused.add({ reason }),
    observe(state, committed, commitMs, commands) {
      for (const { kind } of committed) events.add({ kind });
      commits.observe(commitMs / 1000);
      sequence.set(state.sequence);
      runs.set(state.activeRuns.size);
      running.set([...state.activeRuns].filter((id) => wantsSlots(state.runs.get(id))).length);
      slots.set(state.freeSlots.schedulable.size);
      leases.set(leased(state));
      underWay.set(commands);
      // One that was cordoned or drained before it went away, or said itself that it was about to, is no surprise, and nobody is to be
      // woken for it.
      const isMissed = (host: Host): boolean => host.lost && !isHeld(host) && !host.description.draining;
      const lost = [...state.hosts.values()].filter(isMissed).length;
      hosts.set(lost, { lost: 'true' });
      hosts.set(state.hosts.size - lost, { lost: 'false' });
    },
  };
}

function wantsSlots(run: Run | undefined): boolean {
  return run?.phase === 'running' || run?.phase === 'refitting';
}

function leased(state: Readonly<State>): number {
  let sum = 0;
  for (const runId of state.activeRuns) sum += state.runs.get(runId)?.inFlight.size ?? 0;
  return sum;
}
