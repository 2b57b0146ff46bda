// Puts the agent together: book, engine, clients, bus, recovery, server, heartbeats; and takes it apart in reverse.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { connectBus } from '../shared/bus/bus.ts';
import type { Clock } from '../shared/clock.ts';
import { observeDisk } from '../shared/daemon/disk-metrics.ts';
import type { Running } from '../shared/daemon/run-daemon.ts';
import { productVersion } from '../shared/daemon/version.ts';
import type { Logger } from '../shared/log.ts';
import { startMetricsServer } from '../shared/metrics.ts';
import { describeCertificate } from '../shared/pki/authority.ts';
import { observeCertificates } from '../shared/rpc/certificate-metrics.ts';
import { createRpcClient } from '../shared/rpc/client.ts';
import { startRpcServer } from '../shared/rpc/server.ts';
import { type RuntimeComponent, runtimeAdvisories } from '../shared/sandbox/runtime-advisories.ts';
import { openArtifactDirectory } from '../shared/store/artifacts.ts';
import { type Agent, startAgent } from './agent.ts';
import type { AgentPorts } from './agent-options.ts';
import { createArtifactClient } from './artifacts/artifact-client.ts';
import { openBundles } from './artifacts/bundles.ts';
import { coordinatorArtifacts } from './artifacts/coordinator-artifacts.ts';
import type { GpuAgentConfig } from './config.ts';
import { roomIn, watchFullDisk } from './full-disk.ts';
import { openFailedGpus } from './gpu/failed-gpus.ts';
import type { GpuFaults, Gpus } from './gpu/gpus.ts';
import { createAgentMetrics } from './metrics.ts';
import { createGatewayModel } from './model/gateway-model.ts';
import { openHostBook } from './outbox/host-book.ts';
import { watchOwnCertificate } from './own-certificate.ts';
import { openPackages } from './packages/open-packages.ts';
import { type OpenPerformer, openPerformers, type Performer } from './performer.ts';
import { loadPrompts } from './prompts/prompts.ts';
import { bundlesInUse, sweepStaging } from './recovery.ts';
import { agentService } from './rpc/agent-service.ts';
import { type EngineWatch, watchEngine } from './sandbox/engine-watch.ts';
import type { SandboxEngine } from './sandbox/sandbox.ts';
import { coordinatorScores } from './scores/scores.ts';
import { type SlotWatch, watchSlots } from './slot-watch.ts';
import type { AttemptName } from './slots.ts';

/** Calls that run may end by themselves for so long. */
const stopGraceMs = 2000;
/** How long a bundle or parent that cannot be fetched is waited for before the attempt fails. */
const artifactPatienceMs = 300_000;

export interface StartDependencies {
  readonly log: Logger;
  readonly clock: Clock;
  readonly engine: SandboxEngine;
  /** How the host's GPUs are found; left out where it is known to have none. */
  readonly gpus?: Gpus;
  /** Failures of them that nvidia-smi does not tell. */
  readonly faults?: GpuFaults;
}

export interface GpuAgent extends Running {
  /** host:port of its gRPC server. */
  readonly address: string;
  readonly done: Promise<void>;
}

/** Starts the agent; resolves when it serves, and closes what it opened where it cannot. */
export async function startGpuAgent(config: GpuAgentConfig, dependencies: StartDependencies): Promise<GpuAgent> {
  const { log, engine } = dependencies;
  const { tls } = config;
  const stack = new AsyncDisposableStack();
  try {
    const host = await hostOf(config);
    const { imageDigest, engineVersion, largest, components = [] } = await engine.check();
    warnOfRuntime(components, config.strict, log);
    await mkdir(config.stateDirectory, { recursive: true, mode: 0o700 });
    const bus = stack.adopt(await connectBus({ ...config.nats, tls, name: `gpu-agent ${host}`, log }), (it) =>
      it.close(),
    );
    const { ports, diskTrouble, engineWatch } = await openPorts(host, config, dependencies, stack);
    const held = (): ReadonlySet<string> => heldBy(agent);
    const watch = stack.adopt(await openSlots(config, dependencies, held), (it) => it.stop());
    const certificate = stack.adopt(watchOwnCertificate(tls, dependencies.clock), (it) => it.stop());
    const observer = createAgentMetrics();
    const agent = await startAgent({
      ports,
      bus,
      version: productVersion(),
      imageDigest,
      largestSandbox: largest,
      slots: () => watch.slots(),
      idle: (id, isAlone) => watch.idle(id, isAlone),
      trouble: () => certificate.trouble() || diskTrouble() || engineWatch.trouble(),
      trajectoriesPerSlot: config.slots.trajectoriesPerSlot,
      contextCharacters: config.model.contextCharacters,
      random: Math.random,
      heartbeatMs: config.heartbeatMs,
      observer,
    });
    stack.defer(() => agent.stop());
    bus.onConnected(() => agent.busIsBack());
    watch.onChange(() => agent.slotsChanged());
    engineWatch.onChange(() => agent.slotsChanged());
    // What was heard before anybody listened.
    agent.slotsChanged();
    if (config.metricsPort !== 0) {
      const { metrics } = observer;
      observeDisk(metrics, config.stateDirectory);
      stack.adopt(observeCertificates(metrics, tls), (it) => it.stop());
      stack.adopt(await startMetricsServer({ port: config.metricsPort, metrics }), (it) => it.stop());
    }
    const server = await startRpcServer({ listen: config.listen, tls, services: [agentService(agent)], log });
    stack.defer(() => server.stop(stopGraceMs));
    const address = config.advertise === '' ? server.address : config.advertise;
    agent.announce(address);
    log.info({ host, address, engineVersion, imageDigest, slots: agent.describe().slots.length }, 'the host serves');
    return {
      address: server.address,
      done: agent.done,
      stop: (isAsked) => stopInOrder({ agent, stack, watch: isAsked === true ? watch : undefined }, config, log),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Tells what is known against the runtime; throws where the configuration takes no such runtime. */
function warnOfRuntime(components: readonly RuntimeComponent[], strict: boolean, log: Logger): void {
  const advisories = runtimeAdvisories(components);
  for (const { cve, text } of advisories) log.warn({ cve }, `the container runtime has a known way out: ${text}`);
  if (!strict || advisories.length === 0) return;
  throw new Error(
    `${advisories.map(({ text }) => text).join('. ')}. Upgrade it, or start without strict where your distribution has mended its package`,
  );
}

/** `held` names the attempts at work on this host, as `heldBy` does. */
async function openSlots(
  config: GpuAgentConfig,
  { gpus, faults, engine, clock, log }: StartDependencies,
  held: () => ReadonlySet<string>,
): Promise<SlotWatch> {
  const cpuCount = config.slots.cpu === 'auto' ? availableParallelism() : config.slots.cpu;
  const heldContainers = async (): Promise<ReadonlySet<string>> => {
    const containers = await engine.list();
    const names = held();
    return new Set(containers.filter((one) => names.has(nameOf(one))).map(({ containerId }) => containerId));
  };
  const failures = openFailedGpus(join(config.stateDirectory, 'failed-gpus.json'));
  const found = { ...(gpus && { gpus }), ...(faults && { faults }) };
  return await watchSlots({ cpuCount, clock, log, heldContainers, failures, ...found });
}

function heldBy(agent: Agent): ReadonlySet<string> {
  return new Set(agent.describe().slots.flatMap(({ attempts }) => attempts.map(nameOf)));
}

function nameOf({ attemptId, epoch }: AttemptName): string {
  return `${attemptId} ${epoch}`;
}

interface Stopped {
  readonly agent: Agent;
  readonly stack: AsyncDisposableStack;
  /** Absent where nobody asked for the stop: then the next daemon is to know which GPUs have failed. */
  readonly watch: SlotWatch | undefined;
}

/** Takes nothing more, lets what is about to end do so, and leaves the rest with its sandboxes to the next daemon. */
async function stopInOrder(
  { agent, stack, watch }: Stopped,
  { stopPatienceMs }: GpuAgentConfig,
  log: Logger,
): Promise<void> {
  watch?.forgetFailures();
  agent.drain();
  if (!(await agent.settle(stopPatienceMs))) {
    const attempts = agent.describe().slots.reduce((sum, slot) => sum + slot.attempts.length, 0);
    log.warn({ attempts, stopPatienceMs }, 'the daemon stops and leaves work to the next one');
  }
  await stack.disposeAsync();
}

/** Connections to those whom attempts ask. */
function openClients({ tls, gateway, coordinator }: GpuAgentConfig, stack: AsyncDisposableStack) {
  const model = { service: 'doubleblind.gateway.v1.LlmService', address: gateway.address } as const;
  const ours = { address: coordinator.address, tls, expectRole: 'coordinator' } as const;
  const clients = {
    gateway: createRpcClient({ ...model, tls, expectRole: 'llm-gateway' }),
    store: createRpcClient({ ...ours, service: 'doubleblind.coordinator.v1.ArtifactService' }),
    attempts: createRpcClient({ ...ours, service: 'doubleblind.coordinator.v1.AttemptService' }),
  };
  for (const client of Object.values(clients)) stack.defer(() => client.close());
  return clients;
}

interface Opened {
  readonly ports: AgentPorts;
  readonly diskTrouble: () => string;
  readonly engineWatch: EngineWatch;
}

/** Everything that an attempt works with. */
async function openPorts(
  host: string,
  config: GpuAgentConfig,
  { log, clock, engine }: StartDependencies,
  stack: AsyncDisposableStack,
): Promise<Opened> {
  const { stateDirectory } = config;
  const stopping = new AbortController();
  stack.defer(() => stopping.abort(new Error('the daemon stops')));
  const file = stack.adopt(openHostBook(join(stateDirectory, 'host.sqlite')), (it) => it.close());
  const disk = watchFullDisk({ book: file, clock, tryWrite: roomIn(stateDirectory) });
  const { book } = disk;
  const engineWatch = watchEngine({ engine, clock, stopping: stopping.signal });
  const stagingDirectory = join(stateDirectory, 'staging');
  // The daemon before may have been killed with an end that is not on disk yet.
  await book.flush();
  await sweepStaging(stagingDirectory, book);
  const { gateway, store, attempts } = openClients(config, stack);
  const artifacts = await createArtifactClient({
    remote: coordinatorArtifacts(store),
    cache: await openArtifactDirectory(join(stateDirectory, 'cache')),
    maxBytes: config.cache.maxBytes,
    patienceMs: artifactPatienceMs,
    clock,
    log,
    random: Math.random,
    signal: stopping.signal,
  });
  const ports: AgentPorts = {
    host,
    bootId: randomBytes(8).toString('hex'),
    book,
    engine,
    clock,
    log,
    openPerformer: noting(
      [disk.note, engineWatch.note],
      openPerformers({
        engine,
        clock,
        packages: await openPackages(config, { clock, log }, stack),
        model: createGatewayModel({ gateway, clock, log, random: Math.random, patienceMs: config.model.patienceMs }),
        artifacts,
        scores: coordinatorScores({ client: attempts, clock, log, random: Math.random }),
        bundles: await openBundles({
          directory: join(stateDirectory, 'bundles'),
          artifacts,
          maxBytes: config.cache.maxBundleBytes,
          inUse: () => bundlesInUse(book),
        }),
        prompts: loadPrompts(config.prompts.directory),
        stagingDirectory,
        environment: config.sandbox.environment,
        stopping: stopping.signal,
      }),
    ),
  };
  return { ports, diskTrouble: disk.trouble, engineWatch };
}

/** The gateway and the bus know a host by its certificate, so it can have no other name. */
async function hostOf(config: GpuAgentConfig): Promise<string> {
  const { identity } = describeCertificate(await readFile(config.tls.certificate));
  if (identity?.role !== 'gpu-agent') {
    throw new Error(
      `${config.tls.certificate} is no certificate of a gpu-agent; issue one with: doubleblind pki issue gpu-agent`,
    );
  }
  if (config.host === '' || config.host === identity.name) return identity.name;
  throw new Error(
    `the configured host is ${config.host}, but ${config.tls.certificate} names ${identity.name}: ` +
      'set host to that name, or issue a certificate for this one',
  );
}

/** Tells of every command that the host could not carry out. */
function noting(notes: readonly ((error: unknown) => void)[], open: OpenPerformer): OpenPerformer {
  return (options) => {
    const performer = open(options);
    const perform: Performer['perform'] = async (command, signal) => {
      try {
        return await performer.perform(command, signal);
      } catch (error) {
        // What a stop brings about says nothing of the host.
        if (!signal.aborted) for (const note of notes) note(error);
        throw error;
      }
    };
    return { ...performer, perform };
  };
}
