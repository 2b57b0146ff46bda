// FleetService: what operators see and do about hosts.

import type { Clock } from '../../shared/clock.ts';
import { productVersion } from '../../shared/daemon/version.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type Handlers, implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import { page } from '../../shared/rpc/page.ts';
import { timestampFromDate } from '../../shared/rpc/timestamp.ts';
import { isHeld } from '../core/host-steps.ts';
import { sorted } from '../core/order.ts';
import type { Host } from '../core/state.ts';
import type { Fleet } from '../fleet/fleet.ts';
import { type Stage, stageOf } from '../runs/rehearsal.ts';
import type { SearchActor } from '../runs/search-actor.ts';
import { findHost } from './lookup.ts';
import { hostToWire } from './wire.ts';

const longestReason = 500;

/** A week. */
const longestDrainSeconds = 604_800;

/** Without one, that which the host is held back for already stays. */
function reasonOf(asked: string, host: Host): string {
  if (asked.trim() !== '') return asked.trim().slice(0, longestReason);
  return isHeld(host) ? host.reason : 'no reason given';
}

const name = 'doubleblind.coordinator.v1.FleetService';

export type FleetHandlers = Handlers<typeof name>;

export function fleetService(handlers: FleetHandlers): RpcServiceDefinition {
  return implement<typeof name>(name, handlers);
}

/** What the service does, for gRPC and for the dashboard's HTTP alike. */
export function fleetHandlers({
  actor,
  fleet,
  clock,
}: {
  actor: SearchActor;
  fleet: Fleet;
  clock: Clock;
}): FleetHandlers {
  const describe = (name: string, { state }: Pick<Stage, 'state'> = actor) => {
    const host = findHost(state, name);
    return hostToWire(state, host, { heartbeatAgeMs: fleet.heartbeatAgeMs(host.name), rival: fleet.rival(host.name) });
  };
  const version = productVersion();
  return {
    async listHosts(request) {
      const { items, nextPageToken } = page(sorted(actor.state.hosts.keys()), (name) => name, request);
      return {
        hosts: items.map((name) => describe(name)),
        nextPageToken,
        now: timestampFromDate(clock.now()),
        version,
      };
    },
    async cordonHost({ host, reason, validateOnly }, { identity }) {
      const stage = stageOf(actor, { validateOnly });
      const found = findHost(stage.state, host);
      const { name } = found;
      await stage.post({ kind: 'hostCordoned', host: name, reason: reasonOf(reason, found), by: identity.name });
      return { host: describe(name, stage) };
    },
    async drainHost({ host, reason, deadlineSeconds, validateOnly }, { identity }) {
      const stage = stageOf(actor, { validateOnly });
      if (!(deadlineSeconds >= 0 && deadlineSeconds <= longestDrainSeconds)) {
        const description = `must be between 0 and ${longestDrainSeconds}`;
        throw new RpcFault('invalidArgument', `the deadline ${description} seconds`, {
          violations: [{ field: 'deadline_seconds', description }],
        });
      }
      const found = findHost(stage.state, host);
      const { name } = found;
      const deadlineMs = Math.round(deadlineSeconds * 1000);
      const begun = {
        kind: 'hostDrainStarted',
        host: name,
        reason: reasonOf(reason, found),
        by: identity.name,
        deadlineMs,
      } as const;
      // A drain that is under way ends sooner where that is asked for, never later, so that asking again is harmless.
      await stage.post(begun);
      return { host: describe(name, stage) };
    },
    async uncordonHost({ host, validateOnly }) {
      const stage = stageOf(actor, { validateOnly });
      const { name } = findHost(stage.state, host);
      await stage.post({ kind: 'hostUncordoned', host: name });
      return { host: describe(name, stage) };
    },
  };
}
