// Sandboxes as Docker containers.
// Owns: creating, proving, finding, adopting and removing them. Leaves to container-spec.ts what they are, to
// toolbox-sandbox.ts what happens in them.
// Invariants:
// 1. A container that is not exactly what was asked for is removed before anything runs in it.
// 2. Only containers that carry this installation's label are ever touched.
// 3. Nothing is remembered here that the engine does not hold too: `list` is the truth after a restart.

import { isAbsolute } from 'node:path';
import { attemptId, runId, slotId } from '../../shared/core/ids.ts';
import { connectDocker, type DockerEngine, type ListedContainer } from '../../shared/sandbox/docker-engine.ts';
import { describeDeviations, deviations } from '../../shared/sandbox/inspect-check.ts';
import { containerOptions, isPurpose, labels } from './container-spec.ts';
import { type Sandbox, type SandboxEngine, SandboxError, type SandboxIdentity, type SandboxSpec } from './sandbox.ts';
import { SessionChannel } from './session-channel.ts';
import { type SandboxEnd, type ToolboxHolder, ToolboxSandbox } from './toolbox-sandbox.ts';

export interface DockerSandboxConfig {
  /** Image id (`sha256:…`) or name; resolved to the id before use. */
  readonly image: string;
  /** Names this installation: daemons of different ones on a host leave each other's sandboxes alone. */
  readonly installation: string;
  readonly socketPath?: string;
}

/** The toolbox answers within 0.1 s; on a host that starts many at once it may take seconds. */
const helloTimeoutMs = 30_000;
const bundlePathPattern = /^[^\0\n,]+$/;

export function createDockerSandboxEngine(config: DockerSandboxConfig): SandboxEngine {
  const engine = connectDocker(config.socketPath);
  const mine = `${labels.installation}=${config.installation}`;
  const removeMine = async (containerId: string): Promise<void> => {
    const inspected = await inspectOrGone(engine, containerId);
    if (!inspected) return;
    if (labelsOf(inspected)[labels.installation] !== config.installation) {
      throw new SandboxError(
        `container ${containerId.slice(0, 12)} is no sandbox of this installation; it was left alone`,
      );
    }
    await engine.remove(containerId);
  };
  const open = (identity: SandboxIdentity, channel: SessionChannel): Sandbox =>
    new ToolboxSandbox(new DockerHolder(engine, identity, channel, () => removeMine(identity.containerId)));
  return {
    async create(spec) {
      const imageId = await imageOf(engine, config.image);
      checkSpec(spec);
      const options = containerOptions(spec, imageId, config.installation);
      const containerId = await engine.create(options);
      try {
        const found = deviations(options, await engine.inspect(containerId));
        if (found.length > 0) {
          throw new SandboxError(
            `the Docker engine made another sandbox than was asked for (${describeDeviations(found)}); ` +
              'see docs/operations.md for what the engine must support',
          );
        }
        const channel = new SessionChannel(await engine.attach(containerId));
        await engine.start(containerId);
        await greet(channel);
        return open(identityOf({ id: containerId, labels: options.Labels, running: true }), channel);
      } catch (error) {
        await engine.remove(containerId).catch(() => undefined);
        throw error;
      }
    },
    async list() {
      return (await engine.list(mine)).map(identityOf);
    },
    async adopt(containerId) {
      const listed = (await engine.list(mine)).find(({ id }) => id === containerId);
      if (!listed?.running)
        throw new SandboxError(`sandbox ${containerId.slice(0, 12)} no longer runs; start it afresh`);
      const channel = new SessionChannel(await engine.attach(containerId));
      await greet(channel);
      return open(identityOf(listed), channel);
    },
    remove: removeMine,
    async check() {
      const engineVersion = await engine.version();
      // What a container's own inspect does not tell: without the filter, old kernel interfaces are open to the code.
      const filtered = (await engine.securityOptions()).some((option) => /name=seccomp(?!.*unconfined)/.test(option));
      if (!filtered)
        throw new SandboxError('the Docker engine runs without its seccomp filter; start it with the default');
      return { engineVersion, imageDigest: await imageOf(engine, config.image) };
    },
  };
}

class DockerHolder implements ToolboxHolder {
  readonly identity: SandboxIdentity;
  readonly #engine: DockerEngine;
  readonly #remove: () => Promise<void>;
  #channel: SessionChannel;

  constructor(engine: DockerEngine, identity: SandboxIdentity, channel: SessionChannel, remove: () => Promise<void>) {
    this.#engine = engine;
    this.identity = identity;
    this.#channel = channel;
    this.#remove = remove;
  }

  async channel(): Promise<SessionChannel> {
    if (!this.#channel.broken) return this.#channel;
    const id = this.identity.containerId;
    if (await this.ended()) throw new SandboxError(`sandbox ${id.slice(0, 12)} has ended; start the attempt again`);
    this.#channel = new SessionChannel(await this.#engine.attach(id));
    await greet(this.#channel);
    return this.#channel;
  }

  async ended(): Promise<SandboxEnd | undefined> {
    const inspected = await inspectOrGone(this.#engine, this.identity.containerId);
    if (!inspected) throw new SandboxError(`sandbox ${this.identity.containerId.slice(0, 12)} was removed`);
    const state = record(inspected['State']);
    return state['Running'] === true ? undefined : { outOfMemory: state['OOMKilled'] === true };
  }

  async remove(): Promise<void> {
    this.#channel.close();
    await this.#remove();
  }
}

async function greet(channel: SessionChannel): Promise<void> {
  try {
    await channel.hello(helloTimeoutMs);
  } catch (error) {
    channel.close();
    throw new SandboxError('the toolbox in the sandbox does not answer; build the sandbox image anew', {
      cause: error,
    });
  }
}

async function imageOf(engine: DockerEngine, reference: string): Promise<string> {
  const id = await engine.imageId(reference);
  if (id === undefined) {
    throw new SandboxError(`there is no image ${reference}; build it with: node deploy/docker/main-sandbox-image.ts`);
  }
  return id;
}

function checkSpec(spec: SandboxSpec): void {
  if (!isAbsolute(spec.bundleDirectory) || !bundlePathPattern.test(spec.bundleDirectory)) {
    throw new SandboxError(`the bundle's directory must be an absolute path: ${JSON.stringify(spec.bundleDirectory)}`);
  }
  for (const [name, value] of Object.entries(spec.environment)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0')) {
      throw new SandboxError(`not a valid environment variable for a sandbox: ${JSON.stringify(name)}`);
    }
  }
}

/** What `inspect` says, or undefined where there is no such container. */
async function inspectOrGone(
  engine: DockerEngine,
  containerId: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    return record(await engine.inspect(containerId));
  } catch (error) {
    if (record(record(error)['cause'])['statusCode'] === 404) return undefined;
    throw error;
  }
}

function labelsOf(inspected: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return record(record(inspected['Config'])['Labels']);
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function identityOf({ id, labels: found, running }: ListedContainer): SandboxIdentity {
  const purpose = found[labels.purpose];
  const epoch = Number(found[labels.epoch]);
  if (!isPurpose(purpose) || !Number.isSafeInteger(epoch)) {
    throw new SandboxError(`container ${id.slice(0, 12)} has labels of another version; remove it by hand`);
  }
  return {
    containerId: id,
    runId: runId(found[labels.run] ?? ''),
    attemptId: attemptId(found[labels.attempt] ?? ''),
    epoch,
    slotId: slotId(found[labels.slot] ?? ''),
    purpose,
    running,
  };
}
