import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createMetrics, startMetricsServer } from '../../shared/metrics.ts';

function probe(port: number): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main-probe.ts'), String(port)]);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.once('close', (code) => resolve({ code, stderr }));
  });
}

test('the probe of container images passes where a daemon serves its metrics, and says why where not', async () => {
  const server = await startMetricsServer({ port: 0, metrics: createMetrics('doubleblind_tester') });
  expect(await probe(server.port)).toEqual({ code: 0, stderr: '' });
  await server.stop();
  expect(await probe(server.port)).toMatchObject({ code: 1, stderr: expect.stringContaining('ECONNREFUSED') });
});
