// The fleet of a coordinator: its hosts, and its clock beside ours.

import type { CliContext, PlaceFlags } from '../context.ts';
import type { Host } from '../core/model.ts';
import { plural } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { withCoordinator } from '../verb.ts';
import { broken, type Check, ok } from './check.ts';

/** Clocks decide nothing here, but certificates and the reading of logs want them together. */
const mostClockSkewSeconds = 5;

export async function fleetChecks(cli: CliContext, flags: PlaceFlags): Promise<Check[]> {
  try {
    return await withCoordinator(cli, flags, async (coordinator) => {
      const [hosts, ahead] = [await coordinator.listHosts(), await coordinator.clockAheadSeconds()];
      return [hostsCheck(hosts), clockCheck(ahead)];
    });
  } catch (error) {
    return [broken('Fleet', oneLine(error instanceof Error ? error.message : String(error)))];
  }
}

function hostsCheck(hosts: readonly Host[]): Check {
  const away = hosts.filter(({ state }) => state !== 'ready');
  const ill = hosts.flatMap(({ host, slots }) =>
    slots
      .filter(({ health }) => health !== 'healthy')
      .map(({ slotId, healthReason }) => `${host} ${slotId}: ${healthReason}`),
  );
  const slots = hosts.reduce((sum, host) => sum + host.slots.length, 0);
  const detail = `${plural(hosts.length, 'host')}, ${hosts.length - away.length} ready, ${plural(slots, 'slot')}`;
  const next = [...away.map(({ host, state, reason }) => `${host} is ${state}: ${reason}`), ...ill].map(oneLine);
  const lost = hosts.length === 0 || away.some(({ state }) => state === 'lost' || state === 'quarantined');
  return (lost ? broken : ok)('Fleet', detail, next);
}

function clockCheck(ahead: number): Check {
  const detail = `the coordinator's is ${Math.abs(ahead).toFixed(1)} s ${ahead < 0 ? 'behind' : 'ahead'}`;
  if (Math.abs(ahead) <= mostClockSkewSeconds) return ok('Clock', detail);
  return broken('Clock', detail, ['Let both machines keep time, for example with systemd-timesyncd.']);
}
