// What the evaluator tells Prometheus: counts and durations of answers. Never a score: this page has no access control.

import { createMetrics, type Metrics } from '../shared/metrics.ts';
import type { Evaluator } from './rpc/evaluator-service.ts';

/** The evaluator with its answers counted. */
export function withMetrics(evaluator: Evaluator): { readonly evaluator: Evaluator; readonly metrics: Metrics } {
  const metrics = createMetrics('doubleblind_evaluator');
  const answers = metrics.counter('answers_total', 'Submissions answered, by result.', ['result']);
  const seconds = metrics.histogram('answer_seconds', 'Time from a submission to its answer, the reply tick included.');
  const seals = metrics.counter('seals_total', 'Calls that sealed a run or repeated its verdict.');
  return {
    metrics,
    evaluator: {
      ...evaluator,
      async evaluate(submission, chunks) {
        const startedMs = performance.now();
        const answer = await evaluator.evaluate(submission, chunks);
        const { outcome, cached } = answer;
        answers.add({ result: outcome.kind === 'refusal' ? outcome.refusal.kind : cached ? 'cached' : 'scored' });
        seconds.observe((performance.now() - startedMs) / 1000);
        return answer;
      },
      async seal(request) {
        const verdict = await evaluator.seal(request);
        seals.add();
        return verdict;
      },
    },
  };
}
