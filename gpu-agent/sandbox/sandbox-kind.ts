// What one host gives a sandbox at most, and which requests for one are taken at all. The proxy that holds the engine's socket
// decides by this alone: whoever speaks to it gets the template of container-spec.ts with these few values in it.

import { isAbsolute, normalize, sep } from 'node:path';
import { z } from 'zod';
import { attemptId, isId, runId, slotId } from '../../shared/core/ids.ts';
import type { Bounds, ContainerKind } from '../../shared/sandbox/container-host.ts';
import { proveMounts } from '../../shared/sandbox/mount-proof.ts';
import { containerOptions, labels } from './container-spec.ts';
import { SandboxError, type SandboxSpec } from './sandbox.ts';

const idText = z.string().refine(isId, { error: 'is no id' });
const count = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const mebibyte = 2 ** 20;
/** Names and values together; the kernel would take more, a request would not. */
const longestEnvironment = 32 * 1024;

/** An image by its content: a tag could be another one tomorrow. */
export const imageIdSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, { error: 'is no image by digest (sha256:…)' });

/** A spec as it comes over the proxy's socket. */
export const sandboxSpecSchema = z
  .strictObject({
    runId: idText,
    attemptId: idText,
    epoch: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
    slotId: idText,
    purpose: z.enum(['explore', 'cleanSlate']),
    image: imageIdSchema.optional(),
    bundleDirectory: z.string().max(4096),
    device: z
      .string()
      .regex(/^(GPU|MIG)-[0-9A-Za-z/-]{1,100}$/, { error: 'is no UUID of a GPU' })
      .optional(),
    // The engine itself takes no less than 6 MiB.
    memoryBytes: count.min(16 * mebibyte),
    cpus: z.number().positive(),
    diskBytes: count.min(mebibyte),
    pids: count,
    packages: z.boolean().optional(),
    environment: z.record(z.string(), z.string()),
  })
  .transform(
    ({ device, packages, image, ...rest }): SandboxSpec => ({
      ...rest,
      runId: runId(rest.runId),
      attemptId: attemptId(rest.attemptId),
      slotId: slotId(rest.slotId),
      ...(device === undefined ? {} : { device }),
      ...(packages === undefined ? {} : { packages }),
      ...(image === undefined ? {} : { image }),
    }),
  );

/** The most that one sandbox may have, and how many there may be. */
export interface SandboxLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly diskBytes: number;
  readonly pids: number;
  readonly containers: number;
}

export interface SandboxKindOptions {
  /** Image id (`sha256:…`) or name; resolved to the id before use. */
  readonly image: string;
  /** Ids of other images that tasks may ask for. */
  readonly images?: readonly string[];
  /** Names this installation: daemons of different ones on a host leave each other's sandboxes alone. */
  readonly installation: string;
  readonly limits?: SandboxLimits;
  /** The only directory below which bundles may lie. */
  readonly bundleRoot?: string;
  /** Where the agent serves its package index; none where absent. */
  readonly packagesDirectory?: string;
  /** The engine's runtime that runs sandboxes, such as runsc; its default one where absent. */
  readonly runtime?: string;
  /** Whether the kernel is asked what is mounted; off only where the engine's processes cannot be seen from here. */
  readonly mountProof?: boolean;
}

export function sandboxKind(options: SandboxKindOptions): ContainerKind<SandboxSpec> {
  const { image, installation, limits, bundleRoot, packagesDirectory, runtime } = options;
  return {
    image,
    imageFor: ({ image: asked }) => {
      if (asked !== undefined) checkImage(asked, options.images ?? []);
      return asked;
    },
    imageStep: 'build it with: node deploy/docker/main-sandbox-image.ts',
    label: { name: labels.installation, value: installation },
    options: (spec, imageId) => {
      checkBundle(spec.bundleDirectory, bundleRoot);
      checkEnvironment(spec.environment);
      if (limits !== undefined) checkLimits(spec, limits);
      return containerOptions(spec, imageId, { installation, packagesDirectory, runtime });
    },
    ...(runtime === undefined ? {} : { runtime }),
    ...(limits === undefined ? {} : { most: limits.containers, largest: largestOf(limits) }),
    ...(options.mountProof === false ? {} : { proveMounts }),
  };
}

function largestOf({ cpus, memoryBytes }: SandboxLimits): Bounds {
  return { cpus, memoryBytes };
}

/** Images of other things may hold what no sandbox is to see, so those of sandboxes are listed. */
function checkImage(asked: string, allowed: readonly string[]): void {
  if (allowed.includes(asked)) return;
  throw new SandboxError(
    `this host does not offer the image ${asked}; its operator allows it by images in sandbox-proxy.yaml`,
  );
}

function checkBundle(directory: string, root: string | undefined): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (!isAbsolute(directory) || normalize(directory) !== directory || /[\u0000-\u001f,]/.test(directory)) {
    throw new SandboxError(`the bundle's directory must be a plain absolute path: ${JSON.stringify(directory)}`);
  }
  if (root !== undefined && !directory.startsWith(`${root}${sep}`)) {
    throw new SandboxError(`the bundle's directory must lie below ${root}: ${JSON.stringify(directory)}`);
  }
}

function checkEnvironment(environment: SandboxSpec['environment']): void {
  let length = 0;
  for (const [name, value] of Object.entries(environment)) {
    length += name.length + value.length;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || value.includes('\0')) {
      throw new SandboxError(`not a valid environment variable for a sandbox: ${JSON.stringify(name)}`);
    }
  }
  if (length > longestEnvironment) throw new SandboxError(`the environment has more than ${longestEnvironment} bytes`);
}

function checkLimits(spec: SandboxSpec, limits: SandboxLimits): void {
  for (const name of ['memoryBytes', 'cpus', 'diskBytes', 'pids'] as const) {
    if (spec[name] > limits[name]) {
      throw new SandboxError(`${name}: a sandbox asked for ${spec[name]}, and limits.${name} is ${limits[name]}`);
    }
  }
}
