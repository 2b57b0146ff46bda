// Many hosts in one process: each is the real agent with its own certificate, gRPC server, connection to NATS and book, over work
// that is nothing but time. Keeps the moments at which slots become free and are given something to do.

import { type Agent, startAgent } from '../../gpu-agent/agent.ts';
import { createArtifactClient } from '../../gpu-agent/artifacts/artifact-client.ts';
import { coordinatorArtifacts } from '../../gpu-agent/artifacts/coordinator-artifacts.ts';
import { openHostBook } from '../../gpu-agent/outbox/host-book.ts';
import { agentService } from '../../gpu-agent/rpc/agent-service.ts';
import { cpuSlots } from '../../gpu-agent/slots.ts';
import { type Bus, connectBus } from '../../shared/bus/bus.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { startRpcServer } from '../../shared/rpc/server.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { timedPerformer } from './timed-performer.ts';

export interface HostsOptions {
  readonly names: readonly string[];
  readonly tlsOf: (name: string) => TlsPaths;
  readonly nats: string;
  readonly coordinator: string;
  readonly slots: number;
  readonly runMs: (slotId: string) => number;
  /** Unused bytes of no host: nothing is fetched here. */
  readonly cache: ArtifactDirectory;
}

export interface Hosts {
  /** Milliseconds from the report of an end to the next start on the same slot, since the last call. */
  takeRefills(): number[];
  /** Attempts that ended, and those of them that their host stopped for want of a renewal, since the last call. */
  takeEnded(): { readonly ended: number; readonly fenced: number };
  /** Attempts that are at work now. */
  running(): number;
}

/** Hosts that are started at once: each opens two connections. */
const startsAtOnce = 20;
const heartbeatMs = 1000;

/** Starts all of them; the end of the process is their end. */
export async function startHosts(options: HostsOptions): Promise<Hosts> {
  const freedMs = new Map<string, number>();
  const slotOf = new Map<string, string>();
  let refills: number[] = [];
  let [ended, fenced] = [0, 0];
  const freed: Freed = {
    ends(attemptId, leaseLost) {
      const place = slotOf.get(attemptId);
      if (place === undefined) return;
      slotOf.delete(attemptId);
      freedMs.set(place, performance.now());
      ended += 1;
      if (leaseLost) fenced += 1;
    },
    begins(attemptId, place) {
      const sinceMs = freedMs.get(place);
      if (sinceMs !== undefined) refills.push(performance.now() - sinceMs);
      freedMs.delete(place);
      slotOf.set(attemptId, place);
    },
  };
  const left = [...options.names];
  const startSome = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) await startHost(name, options, freed);
  };
  await Promise.all(Array.from({ length: startsAtOnce }, startSome));
  return {
    takeRefills() {
      const taken = refills;
      refills = [];
      return taken;
    },
    takeEnded() {
      const taken = { ended, fenced };
      [ended, fenced] = [0, 0];
      return taken;
    },
    running: () => slotOf.size,
  };
}

interface Freed {
  ends(attemptId: string, leaseLost: boolean): void;
  begins(attemptId: string, place: string): void;
}

async function startHost(name: string, options: HostsOptions, freed: Freed): Promise<Agent> {
  const { slots: count, runMs, cache, nats, coordinator } = options;
  const tls = options.tlsOf(name);
  const [clock, log] = [systemClock, silentLogger];
  const bus = await connectBus({ servers: [nats], tls, name: `gpu-agent ${name}`, log });
  const store = createRpcClient({
    service: 'doubleblind.coordinator.v1.ArtifactService',
    address: coordinator,
    tls,
    expectRole: 'coordinator',
  });
  const artifacts = await createArtifactClient({
    remote: coordinatorArtifacts(store),
    ...{
      cache,
      clock,
      log,
      maxBytes: 1,
      patienceMs: 60_000,
      random: Math.random,
      signal: new AbortController().signal,
    },
  });
  const slots = cpuSlots(count);
  const agent = await startAgent({
    ports: {
      ...{ host: name, bootId: `boot-${name}`, clock, log },
      // Of a host's disk the coordinator sees nothing, and a thousand of them are not on this machine.
      book: openHostBook(':memory:'),
      engine: { list: () => Promise.resolve([]), remove: () => Promise.resolve(), silence: () => Promise.resolve() },
      openPerformer(performing) {
        freed.begins(performing.order.attemptId, `${name} ${performing.order.slotId}`);
        return timedPerformer({ artifacts, clock, runMs: (slotId) => runMs(`${name} ${slotId}`) }, performing);
      },
    },
    bus: watched(bus, freed),
    ...{ version: '0.1.0', imageDigest: 'none', slots: () => slots, trajectoriesPerSlot: 1 },
    ...{ contextCharacters: 100_000, random: Math.random, heartbeatMs },
  });
  bus.onConnected(() => agent.busIsBack());
  const server = await startRpcServer({ listen: '127.0.0.1:0', tls, services: [agentService(agent)], log });
  agent.announce(server.address);
  return agent;
}

/** The moment that an end is reported for the first time is the one at which the slot is free. */
function watched(bus: Bus, freed: Freed): Pick<Bus, 'publishHeartbeat' | 'publishResult'> {
  return {
    publishHeartbeat: (heartbeat) => bus.publishHeartbeat(heartbeat),
    publishResult(event, repeat) {
      if (event.kind === 'attemptEnded') freed.ends(event.attemptId, event.body.failureReason === 'leaseLost');
      return bus.publishResult(event, repeat);
    },
  };
}
