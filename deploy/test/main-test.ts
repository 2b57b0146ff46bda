// `npm test`: does the set-up that the tests need (nats-server, Docker engine, sandbox image), then runs every test that
// gates a change; `npm run test:long` those that take minutes. Words after `--` go to vitest, so `npm test -- coordinator` runs
// the tests whose path has that word.
// DOUBLEBLIND_TEST_RESULTS names a file for the results as JSON.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

function run(command: string, args: readonly string[]): number {
  const result = spawnSync(command, args, { stdio: 'inherit' });
  if (result.error) process.stderr.write(`${command}: ${result.error.message}\n`);
  return result.status ?? 1;
}

/** What only tests need, where it is missing: a browser for the dashboard, an interpreter for the fake sandbox, what reads units, what makes networks. */
function bringTestPrograms(): void {
  const has = (paths: readonly string[]): boolean => paths.some((path) => existsSync(path));
  const missing = [
    ...(has(['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']) ? [] : ['chromium']),
    ...(has(['/usr/bin/python3']) ? [] : ['python3']),
    ...(has(['/usr/bin/systemd-analyze']) ? [] : ['systemd']),
    ...(has(['/usr/sbin/nft']) ? [] : ['nftables']),
    ...(has(['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip']) ? [] : ['iproute2']),
    ...(has(['/usr/sbin/sysctl', '/sbin/sysctl']) ? [] : ['procps']),
  ];
  if (missing.length > 0) install(missing);
}

/** Once more with the lists of today where the first try fails: a fresh image has none, an older one names files that are gone. */
function withFreshLists(bring: () => number): void {
  if (bring() === 0) return;
  run('apt-get', ['update', '-qq']);
  if (bring() !== 0) process.stderr.write('not everything could be brought; the tests that miss it say so\n');
}

/** Where Debian's packages can be had; a test that misses its program says so itself. */
function install(packages: readonly string[]): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  process.stdout.write(`installing for the tests: ${packages.join(', ')}\n`);
  withFreshLists(() => run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]));
}

/** Prometheus's checker alone, out of its package: the package itself would start a server. */
function bringPromtool(): void {
  const folder = '.runtime/promtool';
  if (existsSync(`${folder}/promtool`) || existsSync('/usr/bin/promtool') || !existsSync('/usr/bin/apt-get')) return;
  const unpack =
    'mkdir -p "$0" && cd "$0" && apt-get download -qq prometheus && dpkg-deb --fsys-tarfile prometheus_*.deb | ' +
    'tar -x --strip-components=3 ./usr/bin/promtool && rm -f prometheus_*.deb';
  process.stdout.write('unpacking for the tests: promtool\n');
  withFreshLists(() => run('sh', ['-c', unpack, folder]));
}

/** Kubernetes' description of its objects, out of a package whose programs nobody needs here. */
function bringKubernetesModels(): void {
  const folder = '.runtime/kubernetes-models';
  const models = 'python3/dist-packages/kubernetes/client/models';
  if (existsSync(`${folder}/v1_daemon_set.py`) || existsSync(`/usr/lib/${models}`) || !existsSync('/usr/bin/apt-get'))
    return;
  const unpack =
    'mkdir -p "$0" && cd "$0" && apt-get download -qq python3-kubernetes && dpkg-deb --fsys-tarfile python3-kubernetes_*.deb | ' +
    `tar -x --wildcards --strip-components=8 './usr/lib/${models}/*.py' && rm -f python3-kubernetes_*.deb`;
  process.stdout.write('unpacking for the tests: the models of python3-kubernetes\n');
  withFreshLists(() => run('sh', ['-c', unpack, folder]));
}

/** Python's gRPC, for the test that calls everything with a client that is not ours; only the long set has it. */
function bringPythonGrpc(): void {
  const parts = { 'python3-grpcio': 'grpc', 'python3-protobuf': 'google/protobuf' };
  const missing = Object.entries(parts).filter(([, part]) => !existsSync(`/usr/lib/python3/dist-packages/${part}`));
  if (missing.length > 0) install(missing.map(([name]) => name));
}

const [first, ...others] = process.argv.slice(2);
const long = first === '--long';
const words = long || first === undefined ? others : [first, ...others];
const setup = run('sh', ['deploy/bin/doubleblind', 'setup']);
if (setup === 0) {
  bringTestPrograms();
  bringPromtool();
  bringKubernetesModels();
  if (long) bringPythonGrpc();
  const results = process.env['DOUBLEBLIND_TEST_RESULTS'];
  const json = ['--reporter=json', `--outputFile.json=${results}`];
  const reporters = ['--reporter=default', '--reporter=./deploy/test/unsteady-reporter.ts', ...(results ? json : [])];
  process.exitCode = run('vitest', [
    'run',
    ...(long ? ['--project=long'] : ['--project=fast', '--project=system']),
    ...reporters,
    // A moment in which the machine stood still must not keep a change from landing; what passed so is named.
    ...(process.env['CI'] === 'true' ? ['--retry=1'] : []),
    ...words,
  ]);
} else {
  process.stderr.write('npm test: the set-up did not succeed, see above; no test was run\n');
  process.exitCode = setup;
}
