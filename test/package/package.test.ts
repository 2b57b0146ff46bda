// The Debian package in a container that systemd boots: installs, starts, notifies, recovers, upgrades, stops and goes away
// as an operator expects; on three of them as a fleet that searches; and in the image for containers.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildPackage } from '../../deploy/debian/package.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Booted, bootContainer, docker } from './booted-container.ts';
import { importTask, startPackageFleet } from './fleet.ts';
import { lintianComplaints } from './lintian.ts';
import { printed } from './page.ts';

const daemons = ['coordinator', 'evaluator', 'llm-gateway'];
const scratch = mkdtempSync(join(tmpdir(), 'doubleblind-package-'));
let container: Booted | undefined;
let packagePath = '';
let complaints: ReturnType<typeof lintianComplaints>;

beforeAll(async () => {
  packagePath = await buildPackage({
    outputDirectory: scratch,
    node: process.execPath,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  // Half a minute of one processor, while the container boots and is worked in.
  complaints = lintianComplaints(packagePath);
  complaints.catch(() => undefined);
  container = await bootContainer();
});

afterAll(async () => {
  await container?.stop();
  await Promise.allSettled([complaints]);
  rmSync(scratch, { recursive: true });
});

const main = (name: string): string => `systemctl show --value -p MainPID doubleblind-${name}`;
const isActive = async (booted: Booted, name: string): Promise<boolean> =>
  (await booted.sh(`systemctl is-active doubleblind-${name} || true`)) === 'active';

const configure = `
set -e
doubleblind pki init --pki-dir /etc/doubleblind/pki >/dev/null
doubleblind config nats --hosts gpu-1 --listen 127.0.0.1:7445 --store-dir /var/lib/nats-test > /etc/nats-test.conf
systemd-run --unit nats-test nats-server --config /etc/nats-test.conf
cat > /etc/doubleblind/coordinator.yaml <<X
nats: {servers: ['127.0.0.1:7445']}
evaluator: {address: '127.0.0.1:7443'}
gateway: {address: '127.0.0.1:7444'}
X
echo 'logLevel: info' > /etc/doubleblind/evaluator.yaml
echo 'logLevel: info' > /etc/doubleblind/llm-gateway.yaml`;

test('the package installs, starts what is configured, recovers it, and leaves cleanly', async ({ skip }) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const booted = container;
  await booted.copy(packagePath, '/doubleblind.deb');
  await booted.sh('dpkg --install /doubleblind.deb');
  for (const name of [...daemons, 'gpu-agent']) await booted.sh(`getent passwd doubleblind-${name}`);
  // Nothing is configured, so nothing runs.
  await booted.sh('systemctl start doubleblind.target');
  expect(await booted.sh('pgrep -c node || true')).toBe('0');

  await booted.sh(configure);
  await booted.sh(`systemctl start ${daemons.map((name) => `doubleblind-${name}`).join(' ')}`);
  for (const name of daemons) {
    expect(await isActive(booted, name), name).toBe(true);
    const status = await booted.sh(`cat /proc/$(${main(name)})/status`);
    expect(status, `${name} has no capabilities`).toMatch(/CapEff:\t0+\n/);
    expect(status).toMatch(/NoNewPrivs:\t1/);
  }
  expect(await booted.sh('doubleblind ls -o json')).toBe('[]');
  const seen = await booted.sh('doubleblind doctor || true');
  expect(seen).toMatch(
    /Looked at +coordinator\.yaml, evaluator\.yaml, llm-gateway\.yaml in \/etc\/doubleblind; the units/,
  );
  for (const name of daemons) {
    expect(seen).toMatch(new RegExp(`✓ Unit +doubleblind-${name} is running`));
    expect(seen).toMatch(new RegExp(`✓ ${name} +serves at 127\\.0\\.0\\.1`));
  }
  expect(seen).toMatch(/✓ nats +serves at 127\.0\.0\.1:7445/);
  // What is running is told, not what the file alone says.
  expect(await booted.sh('doubleblind config show coordinator --origin')).toMatch(/tls\.key +"\/run\/.*--tls-key/);
  // One daemon's user cannot read what another one keeps, nor any key.
  for (const path of ['/var/lib/doubleblind/evaluator', '/etc/doubleblind/pki/coordinator.key']) {
    const attempt = `setpriv --reuid doubleblind-coordinator --clear-groups --regid doubleblind-coordinator cat ${path}`;
    expect(await booted.sh(`${attempt} 2>&1 || true`), path).toMatch(/Permission denied/);
  }
});

test('systemd starts a daemon that was killed, and one that hangs', async ({ skip }) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const booted = container;
  const killed = await booted.sh(main('coordinator'));
  await booted.sh(`kill -9 ${killed}`);
  await waitFor(
    'the coordinator is back',
    async () => (await isActive(booted, 'coordinator')) && (await booted.sh(main('coordinator'))) !== killed,
  );
  await booted.sh('systemctl stop doubleblind-llm-gateway && systemd-run --version >/dev/null');
  await booted.sh(
    'mkdir -p /run/systemd/system/doubleblind-llm-gateway.service.d && printf "[Service]\\nWatchdogSec=3\\n" > /run/systemd/system/doubleblind-llm-gateway.service.d/w.conf && systemctl daemon-reload && systemctl start doubleblind-llm-gateway',
  );
  const hung = await booted.sh(main('llm-gateway'));
  await booted.sh(`kill -STOP ${hung}`);
  await waitFor(
    'the hung gateway was replaced',
    async () => (await isActive(booted, 'llm-gateway')) && (await booted.sh(main('llm-gateway'))) !== hung,
  );
});

test('under the filters of its unit the coordinator may lower the priority of what makes its snapshots', async ({
  skip,
}) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const unit = '/lib/systemd/system/doubleblind-coordinator.service';
  const program =
    'const os = require("os"); const { pid } = require("child_process").spawn("/bin/sleep", ["1"]); os.setPriority(pid, 19); console.log(os.getPriority(pid))';
  const filtered = `set -- $(grep ^SystemCall ${unit} | sed 's/ /+/g; s/^/-p /'); for word; do shift; set -- "$@" "$(echo "$word" | tr + ' ')"; done`;
  const run = `${filtered}; systemd-run --wait --pipe --quiet "$@" /usr/lib/doubleblind/bin/node -e '${program}'`;
  expect(await container.sh(run)).toBe('19');
});

test('a certificate that was issued anew is taken by a reload, without a restart', async ({ skip }) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const booted = container;
  const before = await booted.sh(main('coordinator'));
  const issue =
    'doubleblind pki issue coordinator --name local --renew --out /root/anew --pki-dir /etc/doubleblind/pki';
  await booted.sh(`${issue} && cp /root/anew/coordinator.* /etc/doubleblind/pki/`);
  await booted.sh('systemctl reload doubleblind-coordinator');
  await waitFor(
    'the new certificate is in use',
    async () => (await booted.sh('journalctl -u doubleblind-coordinator -o cat')).includes('new certificate in use'),
    { timeoutMs: 60_000 },
  );
  expect(await booted.sh(main('coordinator'))).toBe(before);
  expect(await booted.sh('doubleblind ls -o json')).toBe('[]');
});

test('what was backed up as the page says is put back as the page says, and the keys of the labels are no part of it', async ({
  skip,
}) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const booted = container;
  const holds = (tar: string): Promise<string> => booted.sh(`tar -tf /root/${tar}`);
  await booted.sh(`set -e; cd /root\n${printed('-cf coordinator.tar')}`);
  expect(await holds('coordinator.tar')).toContain('coordinator/journal');
  expect(await holds('evaluator.tar')).not.toContain('keys');
  expect(await booted.sh('ls /var/lib/doubleblind/evaluator/keys')).toContain('labels');
  await booted.sh(`set -e; cd /root\n${printed('-xf coordinator.tar')}`);
  await booted.sh('test -d /var/lib/doubleblind/coordinator.lost');
  for (const name of ['coordinator', 'evaluator']) expect(await isActive(booted, name), name).toBe(true);
  expect(await booted.sh('doubleblind ls -o json')).toBe('[]');
});

test('a wrong configuration is told once and not started again and again', async ({ skip }) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const booted = container;
  await booted.sh(
    'echo "listne: 1" > /etc/doubleblind/evaluator.yaml; systemctl restart doubleblind-evaluator || true',
  );
  expect(await booted.sh('systemctl show --value -p NRestarts doubleblind-evaluator')).toBe('0');
  expect(await booted.sh('journalctl -u doubleblind-evaluator -o cat | tail -5')).toContain('listne');
  await booted.sh('echo "logLevel: info" > /etc/doubleblind/evaluator.yaml; systemctl restart doubleblind-evaluator');
});

test('a stop is clean, an upgrade restarts what ran, and removal leaves the data alone', async ({ skip }) => {
  if (container === undefined) return skip('no container that systemd boots, see above');
  const booted = container;
  await booted.sh('systemctl stop doubleblind-llm-gateway');
  expect(await booted.sh('systemctl show --value -p Result doubleblind-llm-gateway')).toBe('success');
  const before = await booted.sh(main('coordinator'));
  await booted.sh('dpkg --install /doubleblind.deb');
  expect(await isActive(booted, 'coordinator')).toBe(true);
  expect(await booted.sh(main('coordinator'))).not.toBe(before);
  expect(await isActive(booted, 'llm-gateway')).toBe(false);
  await booted.sh('dpkg --remove doubleblind');
  expect(await booted.sh('pgrep -c node || true')).toBe('0');
  await booted.sh(
    'dpkg --purge doubleblind; test -e /etc/doubleblind/pki/ca.key; test -e /var/lib/doubleblind/coordinator',
  );
  await booted.sh('test ! -e /usr/lib/doubleblind && test ! -e /lib/systemd/system/doubleblind.target');
});

test('lintian has nothing to say of the package', async ({ skip }) => {
  const found = await complaints;
  if (found === undefined) return skip('no lintian, see above');
  expect(found).toEqual([]);
});

test('three machines become a fleet that searches, bears a killed agent, and drains', {
  timeout: 600_000,
}, async ({ skip }) => {
  const fleet = await startPackageFleet(packagePath, scratch);
  if (fleet === undefined) return skip('no container that systemd boots, see above');
  try {
    await waitFor('the host is heard', async () => (await fleet.doubleblind('node ls -o json')).includes('"ready"'));
    await importTask(fleet);
    const agent = await fleet.host.sh(main('gpu-agent'));
    await fleet.doubleblind('run digits --candidates 2 --operators draft --detach');
    await waitFor('an attempt runs', async () => (await fleet.doubleblind('node ls -o json')).includes('"attemptId"'));
    await fleet.host.sh(`kill -9 ${agent}`);
    // 0 is a sealed run with a winner.
    await fleet.doubleblind('watch');
    expect(JSON.parse(await fleet.doubleblind('results --all -o json'))).toMatchObject([
      { state: 'scored' },
      { state: 'scored' },
    ]);
    expect(await fleet.host.sh(main('gpu-agent'))).not.toBe(agent);
    // An engine that is stopped and started again, as an upgrade of it does, leaves its proxy running.
    await fleet.host.sh('systemctl stop docker && systemctl start docker');
    expect(await isActive(fleet.host, 'sandbox-proxy')).toBe(true);
    expect(await fleet.doubleblind('node drain gpu-1 --reason rehearsal')).toContain('drained: rehearsal');
    await fleet.host.sh('systemctl stop doubleblind-gpu-agent doubleblind-sandbox-proxy');
    for (const unit of ['gpu-agent', 'sandbox-proxy'])
      expect(await fleet.host.sh(`systemctl show --value -p Result doubleblind-${unit}`), unit).toBe('success');
    // The host reaches the evaluator's port here, where no firewall is; it has no way in all the same.
    const probe = 'doubleblind ls --coordinator evaluator:7443 --pki-dir /etc/doubleblind/pki || true';
    expect(await fleet.host.sh(probe)).not.toContain('digits');
  } finally {
    await fleet.stop();
  }
});

test('the image of the daemons is built of the package, and each daemon in it says what it needs', async () => {
  const run = async (...words: string[]): Promise<string> => {
    const { status, output } = await docker(words);
    if (status !== 0) throw new Error(`docker ${words.join(' ')}\n${output}`);
    return output;
  };
  const tag = `doubleblind/daemon-test:${process.pid}`;
  const dockerfile = join(import.meta.dirname, '../../deploy/docker/daemon.Dockerfile');
  await run('build', '--network', 'host', '--file', dockerfile, '--tag', tag, scratch);
  try {
    expect(await run('run', '--rm', '--network', 'none', tag)).toContain('Usage: doubleblind');
    for (const role of ['coordinator', 'gpu-agent', 'evaluator-node', 'llm-gateway', 'gpu-agent/socket-proxy']) {
      const main = `/usr/lib/doubleblind/${role}/main.ts`;
      expect(await run('run', '--rm', '--network', 'none', tag, main, '--help'), role).toContain('--config');
    }
    expect(await run('run', '--rm', '--network', 'none', '--entrypoint', 'id', tag, '-u')).toBe('10002');
  } finally {
    await run('image', 'rm', '--force', tag);
  }
});
