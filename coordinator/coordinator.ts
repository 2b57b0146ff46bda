// The coordinator as a whole: opens its parts in order and closes them in reverse.
//
// Owns: the order of things. Leaves to runs/search-actor.ts every decision and to the journal every fact.
// Invariants: 1. The journal is folded before anybody is served. 2. What was outstanding is issued again only when hosts,
// evaluator and gateway can be reached through their clients. 3. The bus may be away at any time: gRPC is served without it.

import { join } from 'node:path';
import type { Bus } from '../shared/bus/bus.ts';
import type { Clock } from '../shared/clock.ts';
import { observeDisk } from '../shared/daemon/disk-metrics.ts';
import type { Running } from '../shared/daemon/run-daemon.ts';
import type { Logger } from '../shared/log.ts';
import { startMetricsServer } from '../shared/metrics.ts';
import { observeCertificates } from '../shared/rpc/certificate-metrics.ts';
import { startRpcServer } from '../shared/rpc/server.ts';
import { type ArtifactDirectory, openArtifactDirectory } from '../shared/store/artifacts.ts';
import { startRetention } from './artifacts/retention.ts';
import { newUploadQuota } from './artifacts/upload-quota.ts';
import type { CoordinatorConfig } from './config.ts';
import { startDashboard } from './dashboard/server.ts';
import { connectAgents, startFleet } from './fleet/fleet.ts';
import { type Journal, openJournal, stateHash } from './journal/journal.ts';
import { startSnapshots } from './journal/snapshots.ts';
import { type CoordinatorMetrics, newCoordinatorMetrics } from './metrics.ts';
import { artifactService } from './rpc/artifact-service.ts';
import { attemptService } from './rpc/attempt-service.ts';
import { connectEvaluator } from './rpc/evaluator.ts';
import { fleetHandlers, fleetService } from './rpc/fleet-service.ts';
import { connectGateway } from './rpc/gateway.ts';
import { searchHandlers, searchService } from './rpc/search-service.ts';
import { newExecutors } from './runs/executors.ts';
import { newLauncher } from './runs/launcher.ts';
import { newScoreDesk } from './runs/score-desk.ts';
import { openSearchActor, type SearchActor } from './runs/search-actor.ts';

/** Calls that run may end by themselves for so long; watchers of runs never do. */
const graceMs = 2000;

/**
 * What an attempt stores is read at once by the detectors and for the evaluator, and soon by the hosts that its children run on: the
 * small artifacts of about two thousand attempts.
 */
const recentBytes = 16 * 2 ** 20;

/** The bus as the coordinator needs it. */
export type CoordinatorBus = Pick<Bus, 'subscribeHeartbeats' | 'consumeResults' | 'close'>;

export interface CoordinatorDependencies {
  readonly log: Logger;
  readonly clock: Clock;
  /** Connects to the bus; tests bring one of their own. */
  readonly openBus: () => Promise<CoordinatorBus>;
}

export interface Coordinator extends Running {
  /** host:port of its gRPC server. */
  readonly address: string;
  /** Hash of the state as it is now. */
  stateHash(): string;
  readonly done: Promise<never>;
}

/** Starts the coordinator; resolves when it serves. */
export async function startCoordinator(
  config: CoordinatorConfig,
  { log, clock, openBus }: CoordinatorDependencies,
): Promise<Coordinator> {
  const { tls, stateDirectory } = config;
  const leaseTtlMs = config.lease.ttlMs;
  const stack = new AsyncDisposableStack();
  try {
    const journal = stack.adopt(openJournal(stateDirectory), (opened) => opened.close());
    const metrics = newCoordinatorMetrics(() => ({ state: actor.state, commands: launcher.size() }));
    const artifacts = stack.adopt(await openArtifacts(stateDirectory, metrics), (opened) => opened.close());
    const evaluator = stack.adopt(connectEvaluator({ address: config.evaluator.address, tls }), (it) => it.close());
    const gateway = stack.adopt(connectGateway({ address: config.gateway.address, tls }), (it) => it.close());
    const launcher = newLauncher(() => executors, log);
    const actor = openSearchActor({
      ...{ journal, clock, log },
      launch: (command) => launcher.launch(command),
      onCommit: metrics.commit,
    });
    stack.defer(() => actor.stop());
    log.info({ events: actor.state.sequence, runs: actor.state.runs.size }, 'the journal is folded');
    const connect = connectAgents(tls);
    const fleet = stack.adopt(startFleet({ actor, connect, gateway, leaseTtlMs, clock, log }), (it) => it.stop());
    const executors = newExecutors({
      ...{ actor, fleet, evaluator, gateway, artifacts, clock, log, leaseTtlMs },
      random: Math.random,
    });
    stack.defer(() => launcher.stop());
    const search = searchHandlers({
      ...{ actor, journal, fleet, artifacts, evaluator, models: gateway },
      defaultLimits: config.limits,
    });
    const hosts = fleetHandlers({ actor, fleet, clock });
    const services = [
      searchService(search),
      fleetService(hosts),
      artifactService({ artifacts, maxArtifactBytes: config.maxArtifactBytes, quota: newUploadQuota(actor.state) }),
      attemptService(newScoreDesk({ actor, evaluator, artifacts, log })),
    ];
    const server = stack.adopt(await startRpcServer({ listen: config.listen, tls, services, log }), (it) =>
      it.stop(graceMs),
    );
    if (config.metricsPort > 0) {
      observeDisk(metrics.page, config.stateDirectory);
      stack.adopt(observeCertificates(metrics.page, tls), (it) => it.stop());
      stack.adopt(await startMetricsServer({ port: config.metricsPort, metrics: metrics.page }), (it) => it.stop());
    }
    if (config.dashboard.listen !== '') {
      const sources = { search, fleet: hosts, artifacts, listLedger: evaluator.listLedger };
      stack.adopt(await startDashboard({ ...config.dashboard, tls, sources, log }), (it) => it.stop());
    }
    keepHouse(stack, config, { actor, journal, artifacts, clock, log });
    actor.start();
    await actor.post({ kind: 'quotasSet', quotas: config.quotas });
    const bus = stack.adopt(await openBus(), (it) => it.close());
    bus.subscribeHeartbeats((heartbeat) => fleet.hear(heartbeat));
    bus.consumeResults(
      (result) => fleet.take(result),
      (reason) => metrics.refuse(reason),
    );
    const done = Promise.race([actor.failed, artifacts.failed]);
    done.catch(() => undefined);
    return {
      address: server.address,
      done,
      stateHash: () => stateHash(actor.state),
      stop: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

function openArtifacts(stateDirectory: string, metrics: CoordinatorMetrics): Promise<ArtifactDirectory> {
  const options = { recentBytes, smallTogether: true, onSmallStored: metrics.artifactsStored };
  return openArtifactDirectory(join(stateDirectory, 'artifacts'), options);
}

interface House {
  readonly actor: SearchActor;
  readonly journal: Journal;
  readonly artifacts: ArtifactDirectory;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What goes on beside the work: snapshots of the journal, and old things that go. */
function keepHouse(stack: AsyncDisposableStack, { stateDirectory, retention }: CoordinatorConfig, house: House): void {
  const { actor, journal, artifacts, clock, log } = house;
  const about = { stateDirectory, sequence: () => actor.state.sequence, snapshotAt: journal.snapshotAt() };
  stack.adopt(startSnapshots({ ...about, clock, log }), (it) => it.stop());
  stack.adopt(startRetention({ actor, artifacts, clock, log, ...retention }), (it) => it.stop());
}
