// All hosts: finds the actor of a host, makes one for a host that is heard for the first time.
//
// Owns: the actors. Leaves to host-actor.ts everything about one host.

import type { Heartbeat, ResultEvent } from '../../shared/bus/messages.ts';
import type { Clock } from '../../shared/clock.ts';
import { type AttemptId, type HostName, hostName, runId } from '../../shared/core/ids.ts';
import type { Logger } from '../../shared/log.ts';
import { createRpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import { isEmptied } from '../core/host-steps.ts';
import type { HeldLease } from '../core/outstanding.ts';
import type { Gateway } from '../rpc/gateway.ts';
import type { SearchActor } from '../runs/search-actor.ts';
import { type ConnectAgent, type HostActor, startHostActor } from './host-actor.ts';
import { eventOfResult, type StartOrder } from './messages.ts';
import { withModelSpend } from './model-spend.ts';

/** Hosts that may be looked after; beyond the largest fleet that this is built for, so that noise cannot exhaust us. */
const mostHosts = 4096;
/** Terms of a lease after which a lost host that says nothing is no longer looked after. */
const silentTerms = 10;

/** One line of a transcript. */
export interface TranscriptEntry {
  readonly entry: number;
  readonly json: string;
}

export interface Fleet {
  hear(heartbeat: Heartbeat): void;
  /** Journals what a host reports, then has the receipt sent. Resolves when the report may leave the stream. */
  take(result: ResultEvent): Promise<void>;
  startAttempt(order: StartOrder, signal: AbortSignal): Promise<void>;
  cancelAttempt(
    lease: HeldLease & { readonly host: HostName },
    reason: string,
    signal: AbortSignal,
  ): Promise<{ readonly known: boolean }>;
  /** Has a host told what was added to the guidance of its runs; without effect where it is not heard. */
  tellGuidance(host: HostName): void;
  /** Entries from the host where the attempt runs. */
  watchTranscript(
    host: HostName,
    wanted: { readonly id: AttemptId; readonly from: number; readonly follow: boolean },
    signal: AbortSignal,
  ): AsyncIterable<TranscriptEntry>;
  /** Milliseconds since the host was last heard; undefined where it never was. */
  heartbeatAgeMs(host: HostName): number | undefined;
  /** The address of another daemon that goes by the host's name; undefined where there is none. */
  rival(host: HostName): string | undefined;
  stop(): void;
}

export interface FleetOptions {
  readonly actor: SearchActor;
  readonly connect: ConnectAgent;
  readonly gateway: Pick<Gateway, 'closeAttempt'>;
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Connects to agents over gRPC; a host that answers under another name is refused. */
export function connectAgents(tls: TlsPaths): ConnectAgent {
  const service = 'doubleblind.agent.v1.AgentService';
  return (expectName, address) => createRpcClient({ service, address, tls, expectRole: 'gpu-agent', expectName });
}

/** Starts to look after the hosts that the journal knows; others come with their first heartbeat. */
export function startFleet(options: FleetOptions): Fleet {
  const { actor, gateway, log } = options;
  const hosts = new Map<HostName, HostActor>();
  const add = (name: HostName, address: string): HostActor => {
    const { connect, leaseTtlMs, clock } = options;
    const started = startHostActor({
      name,
      address,
      state: actor.state,
      report: (event) => actor.report(event),
      connect,
      leaseTtlMs,
      clock,
      log,
    });
    hosts.set(name, started);
    return started;
  };
  const find = (name: HostName): HostActor => {
    const host = hosts.get(name);
    if (host === undefined) throw new RpcFault('unavailable', `host ${name} has not been heard since the start`);
    return host;
  };
  // Machines of a batch system come under ever new names. One that comes back is met anew, as after a restart.
  const forgetLost = (): void => {
    for (const [name, host] of hosts) {
      const isLost = actor.state.hosts.get(name)?.lost ?? true;
      if (!isLost || host.heartbeatAgeMs() < silentTerms * options.leaseTtlMs) continue;
      host.stop();
      hosts.delete(name);
    }
  };
  for (const host of actor.state.hosts.values()) if (!host.lost) add(host.name, host.description.address);
  return {
    hear(heartbeat) {
      const name = hostName(heartbeat.host);
      const known = hosts.get(name);
      if (known === undefined) forgetLost();
      if (known === undefined && hosts.size >= mostHosts) {
        log.warn({ host: name, mostHosts }, 'too many hosts: a heartbeat was ignored');
        return;
      }
      (known ?? add(name, heartbeat.address)).hear(heartbeat);
    },
    async take(result) {
      const limits = actor.state.runs.get(runId(result.runId))?.options.limits;
      const told = eventOfResult(result, limits, isEmptied(actor.state, hostName(result.host)));
      await actor.post(await withModelSpend(told, { state: actor.state, gateway, log }));
      hosts.get(hostName(result.host))?.confirm(result.seq);
    },
    startAttempt: async (order, signal) => await find(order.host).startAttempt(order, signal),
    cancelAttempt: async (lease, reason, signal) => await find(lease.host).cancelAttempt(lease, reason, signal),
    tellGuidance: (host) => hosts.get(host)?.hasten(),
    watchTranscript: (host, { id, from, follow }, signal) =>
      find(host).client().watchTranscript({ attemptId: id, fromEntry: from, follow }, { signal }),
    heartbeatAgeMs: (name) => hosts.get(name)?.heartbeatAgeMs(),
    rival: (name) => hosts.get(name)?.rival(),
    stop() {
      for (const host of hosts.values()) host.stop();
    },
  };
}
