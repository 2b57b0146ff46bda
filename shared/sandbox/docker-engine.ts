// The only door to dockerode: the few requests we make of the engine, each with a deadline and its errors in words.
// Leaves to its callers: what to create. Builds every request itself; nothing of a caller's reaches a path or body
// unchecked.

import type { Duplex } from 'node:stream';
import Docker from 'dockerode';
import type { ContainerOptions } from './container-options.ts';
import { componentsOf, type RuntimeComponent } from './runtime-advisories.ts';
import { isAway, SandboxError, SandboxInterrupted } from './sandbox-error.ts';

/** A container as `list` tells it. */
export interface ListedContainer {
  readonly id: string;
  readonly labels: Readonly<Record<string, string | undefined>>;
  readonly running: boolean;
}

export interface DockerEngine {
  version(): Promise<string>;
  /** Such as `name=seccomp,profile=default`. */
  securityOptions(): Promise<readonly string[]>;
  /** Whether they outlive it: live-restore in its daemon.json. */
  keepsContainers(): Promise<boolean>;
  /** What runs containers: the engine, containerd, runc, with a distribution's own version where that is told. */
  components(): Promise<readonly RuntimeComponent[]>;
  /** Names of the runtimes that it may use. */
  runtimes(): Promise<readonly string[]>;
  /** The id (`sha256:…`) of an image, or undefined where there is none of that name. */
  imageId(reference: string): Promise<string | undefined>;
  create(options: ContainerOptions): Promise<string>;
  inspect(id: string): Promise<unknown>;
  start(id: string): Promise<void>;
  /** Input and output of the container's first process, as the engine multiplexes them; see container-pipe.ts. */
  attach(id: string): Promise<Duplex>;
  list(label: string): Promise<ListedContainer[]>;
  /** Ends and removes a container; no error where it is gone. */
  remove(id: string): Promise<void>;
}

const idPattern = /^[0-9a-f]{12,64}$/;
/** The engine answers in milliseconds; under a fork bomb or a cold disk it may take seconds. */
const engineTimeoutMs = 60_000;

export function connectDocker(socketPath = '/var/run/docker.sock'): DockerEngine {
  const docker = new Docker({ socketPath });
  const ask = <Value>(what: string, work: Promise<Value>): Promise<Value> => withWords(socketPath, what, work);
  const container = (id: string): Docker.Container => {
    if (!idPattern.test(id)) throw new SandboxError(`not a container id: ${JSON.stringify(id.slice(0, 80))}`);
    return docker.getContainer(id);
  };
  return {
    version: async () => (await ask('tell its version', docker.version())).Version,
    securityOptions: async () => {
      const info: unknown = await ask('tell its security options', docker.info());
      const options = propertyOf(info, 'SecurityOptions');
      return Array.isArray(options) ? options.map(String) : [];
    },
    keepsContainers: async () =>
      propertyOf(await ask('tell its settings', docker.info()), 'LiveRestoreEnabled') === true,
    components: async () => componentsOf(await ask('tell its components', docker.version())),
    runtimes: async () => {
      const found = propertyOf(await ask('tell its runtimes', docker.info()), 'Runtimes');
      return typeof found === 'object' && found !== null ? Object.keys(found) : [];
    },
    imageId: async (reference) => {
      try {
        return (await ask('look up the image', docker.getImage(reference).inspect())).Id;
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    create: async (options) =>
      (await ask('create a sandbox', docker.createContainer(options as Docker.ContainerCreateOptions))).id,
    inspect: async (id) => await ask('inspect a sandbox', container(id).inspect()),
    start: async (id) => {
      await ask('start a sandbox', container(id).start());
    },
    attach: async (id) => {
      const options = { stream: true, stdin: true, stdout: true, stderr: true, hijack: true };
      const opening = container(id).attach(options) as Promise<Duplex>;
      try {
        return await ask('attach to a sandbox', opening);
      } catch (error) {
        // One that comes when nobody waits for it any more would, unread, hold up what the container says.
        opening.then(
          (late) => late.on('error', () => undefined).destroy(),
          () => undefined,
        );
        throw error;
      }
    },
    list: async (label) => {
      const found = await ask('list sandboxes', docker.listContainers({ all: true, filters: { label: [label] } }));
      return found.map(({ Id, Labels, State }) => ({ id: Id, labels: Labels, running: State === 'running' }));
    },
    remove: async (id) => {
      await removeContainer(ask, container(id));
    },
  };
}

type Ask = <Value>(what: string, work: Promise<Value>) => Promise<Value>;

async function removeContainer(ask: Ask, container: Docker.Container): Promise<void> {
  try {
    await ask('remove a sandbox', container.remove({ force: true, v: true }));
  } catch (error) {
    const status = statusOf(error);
    if (status === 404) return;
    // 409: somebody else is removing it; wait until it is gone.
    if (status !== 409) throw error;
    try {
      await ask('remove a sandbox', container.wait({ condition: 'removed' }));
    } catch (late) {
      if (statusOf(late) !== 404) throw late;
    }
  }
}

/** Adds a deadline, and words that name the next step, to a request. */
async function withWords<Value>(socketPath: string, what: string, work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `the Docker engine did not ${what} within ${engineTimeoutMs / 1000} s; see whether it is overloaded`;
    timer = setTimeout(() => reject(new SandboxInterrupted(message)), engineTimeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    if (error instanceof SandboxError) throw error;
    const sentence = sentenceFor(socketPath, what, error);
    throw isAway(error)
      ? new SandboxInterrupted(sentence, { cause: error })
      : new SandboxError(sentence, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function sentenceFor(socketPath: string, what: string, error: unknown): string {
  const code = propertyOf(error, 'code');
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return `no Docker engine answers at ${socketPath}; start it (systemctl start docker) or set docker.socket`;
  }
  if (code === 'EACCES') {
    return `no permission to use ${socketPath}; run as root or add this user to the group docker`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return `the Docker engine could not ${what}: ${message.replace(/\s+/g, ' ').trim()}`;
}

/** The HTTP status behind an error of the engine, also where we wrapped it. */
function statusOf(error: unknown): number | undefined {
  const status = propertyOf(error, 'statusCode') ?? propertyOf(propertyOf(error, 'cause'), 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

function propertyOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
