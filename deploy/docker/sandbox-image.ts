// Makes sure that the image of the sandbox exists.
// Owns: the base image where no registry is at hand, the build, the tag. Leaves to the Dockerfiles what is inside.
// Invariants:
// 1. The tag is a hash of all that goes in, so an image of that tag is the right one and nothing is done.
// 2. Interrupted at any point, a second call starts where the first one was; temporary files go away either way.
// 3. Where it fails, the message is a sentence that names the next step.

import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProgramEnd, progressFilter, reasonOf, runProgram } from './command-line.ts';
import { haveMmdebstrap, makeDebianRoot } from './debian-root.ts';

/** The image could not be made; the message names the next step. */
export class SandboxImageError extends Error {
  override readonly name = 'SandboxImageError';
}

export interface SandboxImageOptions {
  /** Receives one line of progress at a time. */
  readonly log: (line: string) => void;
  /** Path of the engine's socket where it is not the usual one. */
  readonly dockerSocket?: string;
  /** `cpu` is the default; `cuda` is for GPU hosts and untested by the project's own checks. */
  readonly kind?: 'cpu' | 'cuda';
  readonly signal?: AbortSignal;
}

export interface SandboxImage {
  /** `sha256:…`; what the configuration of gpu-agent should name. */
  readonly imageId: string;
  readonly tag: string;
  /** False where it was there already. */
  readonly built: boolean;
}

const repository = join(import.meta.dirname, '..', '..');
const toolboxFolder = 'gpu-agent/tools/session';
const suite = 'bookworm';
const baseTag = `debian:${suite}-slim`;
const again = 'then run it again: node deploy/docker/main-sandbox-image.ts';

/** Builds the image of the sandbox unless it is there. Throws SandboxImageError. */
export async function ensureSandboxImage(options: SandboxImageOptions): Promise<SandboxImage> {
  const docker = dockerOf(options);
  const dockerfile = `sandbox-${options.kind ?? 'cpu'}.Dockerfile`;
  const toolbox = (await readdir(join(repository, toolboxFolder))).filter((name) => name.endsWith('.py')).sort();
  const tag = `doubleblind/sandbox-${options.kind ?? 'cpu'}:${await contentHash(dockerfile, toolbox)}`;
  const existing = await imageId(docker, tag);
  if (existing !== undefined) await nameNewest(docker, tag);
  if (existing !== undefined) return { imageId: existing, tag, built: false };
  const scratch = await mkdtemp(join(tmpdir(), 'doubleblind-image-'));
  try {
    if ((await imageId(docker, baseTag)) === undefined) await makeBase(docker, options, scratch);
    await build(docker, options, { dockerfile, toolbox, tag, scratch });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  const built = await imageId(docker, tag);
  if (built === undefined) throw new SandboxImageError(`the engine lost the image ${tag}; ${again}`);
  await nameNewest(docker, tag);
  options.log(`sandbox image ${tag} is ready`);
  return { imageId: built, tag, built: true };
}

/** The tag that configurations name by default. */
async function nameNewest(docker: Docker, tag: string): Promise<void> {
  await docker(['tag', tag, `${tag.slice(0, tag.lastIndexOf(':'))}:latest`]);
}

type Docker = (parameters: readonly string[], onLine?: (line: string) => void) => Promise<ProgramEnd>;

function dockerOf(options: SandboxImageOptions): Docker {
  const host = options.dockerSocket ? ['--host', `unix://${options.dockerSocket}`] : [];
  return async (parameters, onLine) => {
    const end = await runProgram('docker', [...host, ...parameters], {
      signal: options.signal,
      ...(onLine ? { onLine } : {}),
    });
    if (end.missing) {
      throw new SandboxImageError(`there is no docker command; install it (apt-get install docker.io), ${again}`);
    }
    const text = end.lastLines.join(' ');
    if (end.status !== 0 && /cannot connect to the docker daemon|is the docker daemon running/i.test(text)) {
      throw new SandboxImageError(`no Docker engine answers; start it (systemctl start docker, or dockerd), ${again}`);
    }
    if (end.status !== 0 && /permission denied/i.test(text) && /docker\.sock/i.test(text)) {
      throw new SandboxImageError(`no permission to use Docker; run as root or join the group docker, ${again}`);
    }
    return end;
  };
}

async function imageId(docker: Docker, reference: string): Promise<string | undefined> {
  const end = await docker(['image', 'inspect', '--format', '{{.Id}}', reference]);
  return end.lastLines.find((line) => /^sha256:[0-9a-f]{64}$/.test(line));
}

/** A short hash of the Dockerfile and the toolbox, names included. */
async function contentHash(dockerfile: string, toolbox: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const paths = [`deploy/docker/${dockerfile}`, ...toolbox.map((name) => `${toolboxFolder}/${name}`)];
  for (const path of paths) {
    const bytes = await readFile(join(repository, path));
    hash.update(`${path} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

interface Build {
  readonly dockerfile: string;
  readonly toolbox: readonly string[];
  readonly tag: string;
  readonly scratch: string;
}

async function build(docker: Docker, options: SandboxImageOptions, plan: Build): Promise<void> {
  // A context of a few files: the repository's own folder would send all of node_modules to the engine.
  const context = join(plan.scratch, 'context');
  await mkdir(join(context, toolboxFolder), { recursive: true });
  for (const name of plan.toolbox) {
    await cp(join(repository, toolboxFolder, name), join(context, toolboxFolder, name));
  }
  await cp(join(repository, 'deploy', 'docker', plan.dockerfile), join(context, 'Dockerfile'));
  options.log(`building sandbox image ${plan.tag} (about two minutes the first time)`);
  const proxies = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => ['--build-arg', name]);
  const end = await docker(
    ['build', '--network', 'host', ...proxies, '--tag', plan.tag, context],
    progressFilter(options.log),
  );
  if (end.status === 0) return;
  throw new SandboxImageError(`docker build failed: ${reasonOf(end)}; see to that, ${again}`);
}

/** A Debian base of the machine's own package source; without apt or root, from the registry. */
async function makeBase(docker: Docker, options: SandboxImageOptions, scratch: string): Promise<void> {
  if (!(await haveMmdebstrap(options))) {
    options.log(`pulling ${baseTag}`);
    const end = await docker(['pull', baseTag], progressFilter(options.log));
    if (end.status === 0) return;
    throw new SandboxImageError(
      `there is no ${baseTag} and it cannot be pulled (${reasonOf(end)}); ` +
        `install mmdebstrap (apt-get install mmdebstrap) and run as root, ${again}`,
    );
  }
  options.log(`making ${baseTag} with mmdebstrap from this machine's package source (about a minute)`);
  const tar = join(scratch, 'base.tar');
  await makeDebianRoot({ log: options.log, signal: options.signal, suite, tar, include: [], scratch }).catch(
    (error: unknown) => {
      throw new SandboxImageError(`${error instanceof Error ? error.message : String(error)}, ${again}`, {
        cause: error,
      });
    },
  );
  const imported = await docker(['import', '--change', 'CMD ["bash"]', tar, baseTag]);
  if (imported.status !== 0) {
    throw new SandboxImageError(`docker import failed: ${reasonOf(imported)}; see to that, ${again}`);
  }
}
