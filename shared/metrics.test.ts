import { expect, test } from 'vitest';
import { createMetrics, startMetricsServer } from './metrics.ts';

test('metrics are served as text under their names and labels', async () => {
  const metrics = createMetrics('doubleblind_test');
  metrics.counter('attempts_total', 'Attempts.', ['operator']).add({ operator: 'draft' });
  metrics.gauge('slots', 'Slots.').set(4);
  metrics.histogram('run_seconds', 'Run time.').observe(3);
  const server = await startMetricsServer({ port: 0, metrics });
  const page = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  expect(page).toContain('doubleblind_test_attempts_total{operator="draft"} 1');
  expect(page).toContain('doubleblind_test_slots 4');
  expect(page).toContain('doubleblind_test_run_seconds_bucket{le="10"} 1');
  expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(404);
  await expect(startMetricsServer({ port: server.port, metrics })).rejects.toThrow('another process');
  await server.stop();
});
