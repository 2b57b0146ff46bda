import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { createLogger } from '../shared/log.ts';
import { testTls } from '../shared/rpc/test-peers.ts';
import { configSchema } from './config.ts';
import { createFakeSandboxEngine } from './sandbox/fake-sandbox.ts';
import { startGpuAgent } from './start.ts';

test('with --strict an agent does not start on a runtime with a known way out, and says which', async () => {
  const lines: string[] = [];
  const config = configSchema.parse({
    ...{
      listen: '127.0.0.1:0',
      stateDirectory: mkdtempSync(join(tmpdir(), 'agent-')),
      tls: await testTls('gpu-agent'),
    },
    ...{
      nats: { servers: ['127.0.0.1:1'] },
      coordinator: { address: '127.0.0.1:1' },
      gateway: { address: '127.0.0.1:1' },
    },
    strict: true,
  });
  const components = [{ name: 'runc', version: '1.1.11' }];
  const engine = {
    ...createFakeSandboxEngine({ root: mkdtempSync(join(tmpdir(), 'sandboxes-')) }),
    check: async () => ({ engineVersion: '25', imageDigest: 'sha256:0', components }),
  };
  const log = createLogger({ name: 'test', level: 'info', destination: { write: (line) => lines.push(line) } });
  const starting = startGpuAgent(config, { log, clock: systemClock, engine });
  await expect(starting).rejects.toThrow(/^runc 1\.1\.11 has CVE-2024-21626: .*CVE-2025-31133.*Upgrade it/s);
  expect(lines.filter((line) => line.includes('"cve":"CVE-2024-21626"'))).toHaveLength(1);
});
