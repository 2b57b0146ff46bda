// node deploy/docker/main-probe.ts PORT: exits 0 where the daemon of this machine serves its metrics on that port, 1 where it does not.
// For probes of Kubernetes and of container images, which have neither curl nor a client certificate.

import { get } from 'node:http';

/** The kubelet's own limit ends a probe later; this one says why. */
const patienceMs = 4000;

function fail(why: string): never {
  process.stderr.write(`not healthy: ${why}\n`);
  process.exit(1);
}

const port = Number(process.argv[2]);
if (!Number.isInteger(port) || port < 1 || port > 65_535) fail('name the metricsPort of the daemon');
const request = get({ host: '127.0.0.1', port, path: '/metrics', timeout: patienceMs }, (response) => {
  response.resume();
  if (response.statusCode !== 200) fail(`/metrics answers ${response.statusCode}`);
});
request.on('timeout', () => fail(`no answer within ${patienceMs} ms`));
request.on('error', (error) => fail(error.message));
