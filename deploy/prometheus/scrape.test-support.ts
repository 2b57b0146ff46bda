// What a Prometheus reads: the pages of all four daemons, over HTTP, as they are before anything happened. Everything that alerts
// and dashboards name must be there already, or they would stay silent on a new fleet.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { newState } from '../../coordinator/core/state.ts';
import { newCoordinatorMetrics } from '../../coordinator/metrics.ts';
import { withMetrics } from '../../evaluator-node/metrics.ts';
import type { Evaluator } from '../../evaluator-node/rpc/evaluator-service.ts';
import { createAgentMetrics } from '../../gpu-agent/metrics.ts';
import { createTurnMeter } from '../../llm-gateway/metrics.ts';
import { observeDisk } from '../../shared/daemon/disk-metrics.ts';
import { startMetricsServer } from '../../shared/metrics.ts';
import { observeCertificates } from '../../shared/rpc/certificate-metrics.ts';
import { testTls } from '../../shared/rpc/test-peers.ts';

/** The text of each daemon's page. */
export async function scrape(): Promise<string[]> {
  const pages = [
    newCoordinatorMetrics(() => ({ state: newState(), commands: 0 })).page,
    createAgentMetrics().metrics,
    createTurnMeter(['upstream']).page,
    // Nothing is asked of it here.
    withMetrics({} as Evaluator).metrics,
  ];
  const tls = await testTls('coordinator');
  return await Promise.all(
    pages.map(async (metrics) => {
      observeDisk(metrics, tmpdir());
      const certificates = observeCertificates(metrics, tls);
      const server = await startMetricsServer({ port: 0, metrics });
      try {
        return await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
      } finally {
        certificates.stop();
        await server.stop();
      }
    }),
  );
}

/** Names of the metrics of a page, with what histograms add to theirs. */
export function namesOn(page: string): Set<string> {
  const types = [...page.matchAll(/^# TYPE (\S+) (\S+)/gm)];
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

/** The metrics of ours that an expression names. */
export function namesIn(expression: string): string[] {
  return [...expression.matchAll(/\bdoubleblind_\w+/g)].map((match) => match[0]);
}

/** `npm test` unpacks it from Debian's package; `npm run check` does without where nobody did. */
export const promtool = ['.runtime/promtool/promtool', '/usr/bin/promtool'].find((program) => existsSync(program));

if (promtool === undefined)
  process.stderr.write('skipped: no promtool; npm test unpacks it, or: apt-get install prometheus\n');

/** Runs promtool; throws with what it said where it found something. */
export function runPromtool(words: readonly string[], input = ''): string {
  return execFileSync(promtool ?? 'promtool', words, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}
