// What the gateway tells Prometheus: turns, time, tokens and money by upstream. Never a key, a token or a message.

import { createMetrics, type Metrics } from '../shared/metrics.ts';
import type { RecordedTurn } from './book.ts';

/** What the gateway reports. Repeats that are answered from the record are not reported: nothing was asked for. */
export interface TurnMeter {
  answered(recorded: RecordedTurn, seconds: number): void;
  /** An upstream gave no answer to one try. */
  failed(upstream: string, kind: string): void;
  /** What was cut out of a prompt before it left. */
  leaked(upstream: string, kinds: readonly string[]): void;
}

/** Reports to nobody. */
export const silentMeter: TurnMeter = { answered: () => undefined, failed: () => undefined, leaked: () => undefined };

/** A meter with its page, for upstreams with these names. */
export function createTurnMeter(upstreams: readonly string[]): { readonly meter: TurnMeter; readonly page: Metrics } {
  const page = createMetrics('doubleblind_llm_gateway');
  const turns = page.counter('turns_total', 'Turns answered, by upstream.', ['upstream']);
  const failures = page.counter('failures_total', 'Tries without an answer, by upstream and kind.', [
    'upstream',
    'kind',
  ]);
  const leaks = page.counter(
    'removed_from_prompts_total',
    'Secrets that were cut out of prompts, by upstream and kind.',
    ['upstream', 'kind'],
  );
  const seconds = page.histogram('turn_seconds', 'Time of a turn at one upstream, retries included.', ['upstream']);
  const tokens = page.counter('tokens_total', 'Tokens read and written, by upstream.', ['upstream', 'direction']);
  const dollars = page.counter('dollars_total', 'Price of the turns in US dollars, by upstream.', ['upstream']);
  // An upstream that has never answered is to be compared with the answers that it did not give.
  for (const upstream of upstreams) turns.add({ upstream }, 0);
  return {
    page,
    meter: {
      answered({ upstream, turn, dollars: price }, took) {
        turns.add({ upstream });
        seconds.observe(took, { upstream });
        tokens.add({ upstream, direction: 'read' }, turn.inputTokens);
        tokens.add({ upstream, direction: 'written' }, turn.outputTokens);
        dollars.add({ upstream }, price);
      },
      failed: (upstream, kind) => failures.add({ upstream, kind }),
      leaked(upstream, kinds) {
        for (const kind of kinds) leaks.add({ upstream, kind });
      },
    },
  };
}
