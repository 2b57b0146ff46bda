// node gpu-agent/main-sandbox-check.ts --docker-socket PATH --image NAME | --proxy-socket PATH --bundles DIR
//   [--unreachable HOST:PORT]… [--unseen PATH]…
// Makes one sandbox as attempts have it and looks out of it: what it reaches of the addresses, what it sees of the paths, which network
// interfaces it has. One line of JSON, `{"sees":[…]}`, empty where it sees nothing; status 1 with the reason where it could not look.

import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { attemptId, runId, slotId } from '../shared/core/ids.ts';
import { type ContainerHost, createContainerHost } from '../shared/sandbox/container-host.ts';
import { connectDocker } from '../shared/sandbox/docker-engine.ts';
import { connectContainerHost } from '../shared/sandbox/proxy-client.ts';
import { createDockerSandboxEngine } from './sandbox/docker-sandbox.ts';
import { SandboxError, type SandboxSpec } from './sandbox/sandbox.ts';
import { sandboxKind } from './sandbox/sandbox-kind.ts';

/** Runs inside. It sees its bundle, or else its looking is worth nothing. */
const look = `
import json, os, socket, sys
addresses, paths = json.loads(sys.argv[1])
sees = [name for name in os.listdir("/sys/class/net") if name != "lo"]
for address in addresses:
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        sees.append(address)
    except OSError:
        pass
sees += [path for path in paths if os.path.exists(path)]
assert open("/data/here").read() == "here"
print(json.dumps({"sees": sees}))
`;

const { values } = parseArgs({
  options: {
    'docker-socket': { type: 'string', default: '/var/run/docker.sock' },
    'proxy-socket': { type: 'string' },
    bundles: { type: 'string', default: tmpdir() },
    image: { type: 'string', default: 'doubleblind/sandbox-cpu' },
    unreachable: { type: 'string', multiple: true, default: [] },
    unseen: { type: 'string', multiple: true, default: [] },
  },
});

const bundleDirectory = mkdtempSync(join(values.bundles, 'doubleblind-look-'));
writeFileSync(join(bundleDirectory, 'here'), 'here');
chmodSync(bundleDirectory, 0o755);
const spec: SandboxSpec = {
  ...{
    runId: runId('check'),
    attemptId: attemptId('check-0001'),
    epoch: 1,
    slotId: slotId('check'),
    purpose: 'explore',
  },
  ...{ bundleDirectory, memoryBytes: 256 * 2 ** 20, cpus: 1, diskBytes: 16 * 2 ** 20, pids: 64, environment: {} },
};
const proxy = values['proxy-socket'];

/** Of the proxy where one is named: it knows the image, and touches sandboxes of its own agent alone. */
function containerHost(): ContainerHost<SandboxSpec> {
  if (proxy !== undefined) return connectContainerHost(proxy);
  const kind = sandboxKind({ image: values.image, installation: `check-${randomBytes(4).toString('hex')}` });
  return createContainerHost(connectDocker(values['docker-socket']), kind);
}

try {
  const engine = createDockerSandboxEngine(containerHost());
  const sandbox = await engine.create(spec);
  try {
    const command = ['python3', '-c', look, JSON.stringify([values.unreachable, values.unseen])];
    const { end, log } = await sandbox.execute(command, { directory: '/work', timeoutMs: 60_000, maxLogBytes: 65_536 });
    if (end !== 'completed') throw new SandboxError(`the look out of the sandbox ended by ${end}: ${log.slice(-300)}`);
    process.stdout.write(log);
  } finally {
    await sandbox.remove();
  }
} catch (error) {
  if (!(error instanceof SandboxError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(bundleDirectory, { recursive: true });
}
