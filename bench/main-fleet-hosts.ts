// A process of `npm run bench -- fleet`: it holds every simulated host, or the stand-ins of evaluator and gateway. Started by
// bench/fleet.ts with a channel: it is told what to be, and asked for what it has measured.

import { join } from 'node:path';
import { nextFloat, nextNormal, seedRng } from '../shared/core/rng.ts';
import { silentLogger } from '../shared/log.ts';
import { openArtifactDirectory } from '../shared/store/artifacts.ts';
import type { FromHosts, ToHosts } from './fleet/channel.ts';
import { type Hosts, startHosts } from './fleet/hosts.ts';
import { startEvaluatorStandIn, startGatewayStandIn } from './fleet/stand-ins.ts';

const rng = seedRng('fleet');
let hosts: Hosts | undefined;

function tell(message: FromHosts): void {
  process.send?.(message);
}

/**
 * Log-normal with this mean: one run in a hundred takes more than four times as long. The first on each slot is what is left of one that
 * is met at a random moment (long ones are met more often), so that ends come at the rate of a fleet that has been at work for long.
 */
function runTimes(meanMs: number): (place: string) => number {
  const sigma = 0.8;
  const begun = new Set<string>();
  return (place) => {
    const spread = Math.exp(sigma * nextNormal(rng));
    if (begun.has(place)) return meanMs * spread * Math.exp(-(sigma ** 2) / 2);
    begun.add(place);
    return meanMs * spread * Math.exp(sigma ** 2 / 2) * nextFloat(rng);
  };
}

async function obey(message: ToHosts): Promise<void> {
  const log = silentLogger;
  if (message.kind === 'serve') {
    const tlsOf = (role: string) => ({
      ca: join(message.pki, 'ca.crt'),
      certificate: join(message.pki, `${role}.crt`),
      key: join(message.pki, `${role}.key`),
    });
    const listen = '127.0.0.1:0';
    const evaluator = await startEvaluatorStandIn({ listen, tls: tlsOf('evaluator'), log });
    const gateway = await startGatewayStandIn({ listen, tls: tlsOf('llm-gateway'), log });
    tell({ kind: 'serving', evaluator: evaluator.address, gateway: gateway.address });
  } else if (message.kind === 'join') {
    const { pki, names, nats, coordinator, slots, meanMs, cache } = message;
    const tlsOf = (name: string) => ({
      ca: join(pki, 'ca.crt'),
      certificate: join(pki, `${name}.crt`),
      key: join(pki, `${name}.key`),
    });
    const store = await openArtifactDirectory(cache);
    hosts = await startHosts({ names, tlsOf, nats, coordinator, slots, runMs: runTimes(meanMs), cache: store });
    tell({ kind: 'joined' });
  } else {
    const { user, system } = process.cpuUsage();
    const [refills, took] = [hosts?.takeRefills() ?? [], hosts?.takeEnded() ?? { ended: 0, fenced: 0 }];
    tell({ kind: 'measured', refills, ...took, running: hosts?.running() ?? 0, cpuSeconds: (user + system) / 1e6 });
  }
}

process.on('message', (message: ToHosts) => {
  obey(message).catch((error: unknown) => {
    process.stderr.write(`the simulated hosts failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
});
// Whoever started us is gone: nobody needs a fleet any more.
process.on('disconnect', () => process.exit(0));
