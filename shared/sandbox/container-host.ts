// Containers of one kind on this host: what a daemon asks for, whoever holds the engine's socket.
//
// Implementations: `createContainerHost` below, over the engine itself (the evaluator's graders; inside the sandbox proxy),
// and proxy-client.ts, over a socket to that proxy (the gpu-agent).
// Contract:
// 1. A request says what differs between two containers of the kind; everything else of the engine's request is built here
//    from a template. Nothing of a caller's is passed through.
// 2. A container that is not exactly what was asked for is removed before anything runs in it.
// 3. Only containers that carry the kind's label are seen or touched; of others it is said that they are not there.
// 4. Nothing is remembered that the engine does not hold too: `list` is the truth after a restart.

import type { Duplex } from 'node:stream';
import type { ContainerOptions } from './container-options.ts';
import type { DockerEngine, ListedContainer } from './docker-engine.ts';
import { describeDeviations, deviations } from './inspect-check.ts';
import type { RuntimeComponent } from './runtime-advisories.ts';
import { SandboxError } from './sandbox-error.ts';

export interface ContainerState {
  readonly running: boolean;
  readonly outOfMemory: boolean;
  /**
   * Ended by SIGKILL, which nothing inside can send to its first process: by the engine, by hand, or by a kernel without memory where the engine does
   * not tell of that; or ended while no engine looked. Not told by a proxy of an earlier version.
   */
  readonly killed?: boolean | undefined;
  /** What its first process ended with, where it has ended; not told by a proxy. */
  readonly exitStatus?: number | undefined;
}

/** What a host's engine is. */
export interface HostCheck {
  readonly engineVersion: string;
  readonly imageDigest: string;
  /** What runs its containers; not told by a proxy of an earlier version. */
  readonly components?: readonly RuntimeComponent[] | undefined;
  /** The largest container that is made here; absent where nothing bounds it, or a proxy of an earlier version does not tell. */
  readonly largest?: Bounds | undefined;
  /** Whether containers outlive the engine (live-restore); not told by a proxy of an earlier version. */
  readonly keepsContainers?: boolean | undefined;
}

/** The most processors and bytes of memory of one container. */
export interface Bounds {
  readonly cpus: number;
  readonly memoryBytes: number;
}

/** All of it rejects with SandboxError. */
export interface ContainerHost<Spec> {
  /** Rejects where the engine does not answer, has no filter of system calls, or lacks the image. */
  check(): Promise<HostCheck>;
  /** Makes one that waits to be started; its id. */
  create(spec: Spec): Promise<string>;
  start(id: string): Promise<void>;
  /** Input and output of its first process, as container-pipe.ts reads them. */
  attach(id: string): Promise<Duplex>;
  /** undefined where it is gone. */
  state(id: string): Promise<ContainerState | undefined>;
  list(): Promise<ListedContainer[]>;
  /** No error where it is gone already. */
  remove(id: string): Promise<void>;
}

export interface ContainerKind<Spec> {
  /** Image id (`sha256:…`) or name; resolved to the id before use. */
  readonly image: string;
  /** The image that a spec asks for in its place, by id; throws SandboxError where it may not. */
  readonly imageFor?: (spec: Spec) => string | undefined;
  /** What to do where there is no such image. */
  readonly imageStep: string;
  readonly label: { readonly name: string; readonly value: string };
  /** What `options` allows at most, for whoever wants to know before asking. */
  readonly largest?: Bounds;
  /** The engine's request; throws SandboxError where the spec asks for what is not given. */
  readonly options: (spec: Spec, imageId: string) => ContainerOptions;
  /** The engine's runtime that runs them; its default one where absent. */
  readonly runtime?: string;
  /** Most containers of the kind at a time. */
  readonly most?: number;
  /** Rejects where a started container has other directories mounted than it should; see mount-proof.ts. */
  readonly proveMounts?: (pid: number, mounts: readonly ContainerMount[]) => Promise<void>;
}

export interface ContainerMount {
  readonly source: string;
  readonly target: string;
}

/** What the engine tells of a process that SIGKILL has ended, and of one whose end it missed. */
const killedStatuses: ReadonlySet<unknown> = new Set([128 + 9, 255]);

type Inspected = Readonly<Record<string, unknown>>;

export function createContainerHost<Spec>(engine: DockerEngine, kind: ContainerKind<Spec>): ContainerHost<Spec> {
  const { label } = kind;
  const list = (): Promise<ListedContainer[]> => engine.list(`${label.name}=${label.value}`);
  /** What the engine says of one of ours; undefined where it is gone or not ours. */
  const ours = async (id: string): Promise<Inspected | undefined> => {
    const inspected = await inspectOrGone(engine, id);
    const labels = inspected === undefined ? {} : record(record(inspected['Config'])['Labels']);
    return labels[label.name] === label.value ? inspected : undefined;
  };
  const mustBeOurs = async (id: string): Promise<void> => {
    if ((await ours(id)) === undefined) throw new SandboxError(`there is no container ${id.slice(0, 12)} of ours`);
  };
  return {
    check: () => check(engine, kind),
    async create(spec) {
      if (kind.most !== undefined && (await list()).length >= kind.most) {
        throw new SandboxError(`there are ${kind.most} containers already, the most that limits.containers allows`);
      }
      const options = kind.options(spec, await imageOf(engine, kind, kind.imageFor?.(spec)));
      return await createProven(engine, options);
    },
    async start(id) {
      await mustBeOurs(id);
      await engine.start(id);
      if (kind.proveMounts === undefined) return;
      const { State, HostConfig } = (await ours(id)) ?? {};
      try {
        await kind.proveMounts(Number(record(State)['Pid']), mountsOf(HostConfig));
      } catch (error) {
        await engine.remove(id).catch(() => undefined);
        throw error;
      }
    },
    async attach(id) {
      await mustBeOurs(id);
      return await engine.attach(id);
    },
    async state(id) {
      const inspected = await ours(id);
      if (inspected === undefined) return undefined;
      const state = record(inspected['State']);
      const [running, outOfMemory] = [state['Running'] === true, state['OOMKilled'] === true];
      const exitStatus = running ? undefined : Number(state['ExitCode']);
      return { running, outOfMemory, killed: !outOfMemory && killedStatuses.has(exitStatus), exitStatus };
    },
    list,
    async remove(id) {
      if ((await ours(id)) !== undefined) await engine.remove(id);
      else if ((await inspectOrGone(engine, id)) !== undefined) {
        throw new SandboxError(`container ${id.slice(0, 12)} is not of this installation; it was left alone`);
      }
    },
  };
}

async function check<Spec>(engine: DockerEngine, kind: ContainerKind<Spec>): ReturnType<ContainerHost<Spec>['check']> {
  const engineVersion = await engine.version();
  // What a container's own inspect does not tell: an engine without seccomp ignores our profile.
  const filtered = (await engine.securityOptions()).some((option) => option.includes('name=seccomp'));
  if (!filtered) throw new SandboxError('the Docker engine has no seccomp filter; use a kernel and an engine with it');
  const { runtime } = kind;
  if (runtime !== undefined && !(await engine.runtimes()).includes(runtime)) {
    throw new SandboxError(
      `the Docker engine has no runtime ${runtime}; add it to its daemon.json, or set another one`,
    );
  }
  const imageDigest = await imageOf(engine, kind);
  const { largest } = kind;
  const [components, keepsContainers] = [await engine.components(), await engine.keepsContainers()];
  return { engineVersion, imageDigest, components, keepsContainers, ...(largest && { largest }) };
}

async function imageOf<Spec>(
  engine: DockerEngine,
  { image, imageStep }: ContainerKind<Spec>,
  asked?: string,
): Promise<string> {
  const id = await engine.imageId(asked ?? image);
  if (id !== undefined) return id;
  const step = asked === undefined ? imageStep : 'load it on this host (docker load)';
  throw new SandboxError(`there is no image ${asked ?? image}; ${step}`);
}

async function createProven(engine: DockerEngine, options: ContainerOptions): Promise<string> {
  const id = await engine.create(options);
  try {
    const found = deviations(options, await engine.inspect(id));
    if (found.length > 0) {
      throw new SandboxError(
        `the Docker engine made another container than was asked for (${describeDeviations(found)}); ` +
          'see docs/operations.md for what the engine must support',
      );
    }
    return id;
  } catch (error) {
    await engine.remove(id).catch(() => undefined);
    throw error;
  }
}

/** What `inspect` says, or undefined where there is no such container. */
async function inspectOrGone(engine: DockerEngine, id: string): Promise<Inspected | undefined> {
  try {
    return record(await engine.inspect(id));
  } catch (error) {
    if (record(record(error)['cause'])['statusCode'] === 404) return undefined;
    throw error;
  }
}

function mountsOf(hostConfig: unknown): ContainerMount[] {
  const mounts = record(hostConfig)['Mounts'];
  return (Array.isArray(mounts) ? mounts : [])
    .map(record)
    .map((mount) => ({ source: String(mount['Source']), target: String(mount['Target']) }));
}

function record(value: unknown): Inspected {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
