// What an operator can graph of a host.

import { createMetrics, type Metrics } from '../shared/metrics.ts';
import type { Concluded } from './core/trajectory-event.ts';
import type { HostDescription } from './slots.ts';

export interface AgentMetrics {
  readonly metrics: Metrics;
  described(host: HostDescription): void;
  ended(concluded: Concluded): void;
}

export function createAgentMetrics(): AgentMetrics {
  const metrics = createMetrics('doubleblind_gpu_agent');
  const running = metrics.gauge('attempts_running', 'Attempts on the slot now.', ['slot']);
  const unusable = metrics.gauge('slot_unusable', '1 where the slot takes no work.', ['slot']);
  const waiting = metrics.gauge('outbox_events', 'Events that wait for the receipt of the coordinator.');
  const ended = metrics.counter('attempts_ended_total', 'Attempts that have ended, by outcome.', ['outcome']);
  // Of a series that begins with its first event nobody can see that it grew.
  ended.add({ outcome: 'infrastructure' }, 0);
  const runSeconds = metrics.histogram('clean_slate_run_seconds', 'Elapsed time of clean-slate runs.');
  const turns = metrics.counter('model_calls_total', 'Answers of the model.');
  const slotSeconds = metrics.counter('slot_seconds_total', 'Seconds for which slots were held by ended attempts.');
  return {
    metrics,
    described({ slots, outboxEvents }) {
      waiting.set(outboxEvents);
      for (const slot of slots) {
        running.set(slot.attempts.length, { slot: slot.slotId });
        unusable.set(slot.health === 'unusable' ? 1 : 0, { slot: slot.slotId });
      }
    },
    ended(concluded) {
      ended.add({ outcome: concluded.failureReason ?? 'submission' });
      if (concluded.runSeconds > 0) runSeconds.observe(concluded.runSeconds);
      turns.add({}, concluded.usage.turns);
      slotSeconds.add({}, concluded.usage.slotSeconds);
    },
  };
}
