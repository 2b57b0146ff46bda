// Whether some host allows the sandboxes that a run asks for: told before the run begins, because every attempt of it would fail.

import { RpcFault } from '../../shared/rpc/fault.ts';
import { allows } from '../core/schedule.ts';
import type { Host, SandboxBounds, State } from '../core/state.ts';

const gibibyte = 2 ** 30;
const names = {
  cpus: { field: 'options.limits.cpus', text: (cpus: number) => `${cpus} processors` },
  memoryBytes: {
    field: 'options.limits.memory_bytes',
    text: (bytes: number) => `${Number((bytes / gibibyte).toFixed(2))} GiB of memory`,
  },
};

/**
 * Throws INVALID_ARGUMENT for limits that no known host allows. A host that does not tell what it allows may allow them; a lost one
 * counts, for it may come back, and attempts wait for it. Where no host is known nothing is refused.
 */
export function refuseImpossibleLimits(state: Readonly<State>, limits: SandboxBounds): void {
  const hosts = [...state.hosts.values()];
  if (hosts.length === 0 || hosts.some((host) => allows(host, limits))) return;
  const violations = (['cpus', 'memoryBytes'] as const).flatMap((limit) => {
    const [most, host] = largest(hosts, limit);
    const { field, text } = names[limit];
    if (limits[limit] <= most) return [];
    return [
      { field, description: `is ${text(limits[limit])}; the most that a host offers is ${text(most)}, on ${host}` },
    ];
  });
  const [first] = violations;
  throw new RpcFault(
    'invalidArgument',
    first === undefined
      ? `no host allows ${names.cpus.text(limits.cpus)} and ${names.memoryBytes.text(limits.memoryBytes)} in one sandbox`
      : `no host allows such a sandbox: ${first.field} ${first.description}`,
    { reason: 'noSuchHost', violations },
  );
}

function largest(hosts: readonly Host[], limit: keyof SandboxBounds): readonly [most: number, host: string] {
  const offers = hosts.map((host) => [host.description.largestSandbox?.[limit] ?? 0, host.name] as const);
  return offers.reduce((best, offer) => (offer[0] > best[0] ? offer : best));
}
