// Sandboxes as Docker containers.
// Owns: finding, adopting and talking to them. Leaves to the ContainerHost what may be made and the proof that it was made,
// to container-spec.ts what they are, to toolbox-sandbox.ts what happens in them.
// Invariant: nothing is remembered here that the engine does not hold too: `list` is the truth after a restart.

import { attemptId, runId, slotId } from '../../shared/core/ids.ts';
import { messageChain } from '../../shared/log.ts';
import type { ContainerHost } from '../../shared/sandbox/container-host.ts';
import { pipeOf } from '../../shared/sandbox/container-pipe.ts';
import type { ListedContainer } from '../../shared/sandbox/docker-engine.ts';
import { isPurpose, labels } from './container-spec.ts';
import {
  type Sandbox,
  type SandboxEngine,
  SandboxError,
  type SandboxIdentity,
  SandboxInterrupted,
  type SandboxSpec,
} from './sandbox.ts';
import { ChannelBroken, ChannelLate, SessionChannel } from './session-channel.ts';
import { type SandboxEnd, type ToolboxHolder, ToolboxSandbox } from './toolbox-sandbox.ts';

/** The toolbox answers within 0.1 s; on a host that starts many at once it may take seconds. */
const helloTimeoutMs = 30_000;

export function createDockerSandboxEngine(host: ContainerHost<SandboxSpec>): SandboxEngine {
  const open = (identity: SandboxIdentity, channel: SessionChannel): Sandbox =>
    new ToolboxSandbox(new DockerHolder(host, identity, channel));
  /** A call that another daemon had left under way is ended by it. */
  const channelTo = async (containerId: string): Promise<SessionChannel> => {
    const channel = new SessionChannel(pipeOf(await host.attach(containerId)));
    await greet(channel, host, containerId);
    return channel;
  };
  return {
    async create(spec) {
      const containerId = await host.create(spec);
      try {
        const channel = new SessionChannel(pipeOf(await host.attach(containerId)));
        await host.start(containerId);
        await greet(channel, host, containerId);
        return open(identityOfSpec(containerId, spec), channel);
      } catch (error) {
        await host.remove(containerId).catch(() => undefined);
        throw error;
      }
    },
    async list() {
      return (await host.list()).map(identityOf);
    },
    async silence(containerId) {
      (await channelTo(containerId)).close();
    },
    async adopt(containerId) {
      const listed = (await host.list()).find(({ id }) => id === containerId);
      if (!listed?.running)
        throw new SandboxError(`sandbox ${containerId.slice(0, 12)} no longer runs; start it afresh`);
      return open(identityOf(listed), await channelTo(containerId));
    },
    remove: (containerId) => host.remove(containerId),
    check: () => host.check(),
  };
}

class DockerHolder implements ToolboxHolder {
  readonly identity: SandboxIdentity;
  readonly #host: ContainerHost<SandboxSpec>;
  #channel: SessionChannel;
  /** Under way: two channels to one toolbox would hear each other's answers. */
  #opening: Promise<SessionChannel> | undefined;

  constructor(host: ContainerHost<SandboxSpec>, identity: SandboxIdentity, channel: SessionChannel) {
    this.#host = host;
    this.identity = identity;
    this.#channel = channel;
  }

  async channel(): Promise<SessionChannel> {
    if (!this.#channel.broken) return this.#channel;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return await this.#opening;
  }

  async #open(): Promise<SessionChannel> {
    const id = this.identity.containerId;
    if (await this.ended()) throw new ChannelBroken(`sandbox ${id.slice(0, 12)} has ended`);
    const channel = new SessionChannel(pipeOf(await this.#host.attach(id).catch(unreachable)));
    await greet(channel, this.#host, id);
    this.#channel = channel;
    return channel;
  }

  async ended(): Promise<SandboxEnd | undefined> {
    const state = await this.#host.state(this.identity.containerId).catch(unreachable);
    if (!state) throw new SandboxError(`sandbox ${this.identity.containerId.slice(0, 12)} was removed`);
    return state.running ? undefined : { outOfMemory: state.outOfMemory, killed: state.killed === true };
  }

  async remove(): Promise<void> {
    this.#channel.close();
    await this.#host.remove(this.identity.containerId);
  }
}

/** Nobody can tell what has become of it: it is unknown, not dead. */
function unreachable(error: unknown): never {
  throw new SandboxInterrupted(`the sandbox cannot be reached: ${messageChain(error)}`, { cause: error });
}

async function greet(
  channel: SessionChannel,
  host: Pick<ContainerHost<SandboxSpec>, 'state'>,
  containerId: string,
): Promise<void> {
  try {
    await channel.hello(helloTimeoutMs);
  } catch (error) {
    channel.close();
    if (error instanceof ChannelLate) {
      const message = 'the toolbox in the sandbox did not answer in time; see whether the host is overloaded';
      throw new SandboxError(message, { cause: error });
    }
    const state = await host.state(containerId).catch(unreachable);
    // An image without a toolbox ends by itself.
    if (state?.running === true || state?.killed === true)
      throw new SandboxInterrupted(messageChain(error), { cause: error });
    throw new SandboxError('the toolbox in the sandbox does not answer; build the sandbox image anew', {
      cause: error,
    });
  }
}

function identityOfSpec(containerId: string, spec: SandboxSpec): SandboxIdentity {
  const { runId: run, attemptId: attempt, epoch, slotId: slot, purpose } = spec;
  return { containerId, runId: run, attemptId: attempt, epoch, slotId: slot, purpose, running: true };
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
