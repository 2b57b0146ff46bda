// The package index that a configuration names, served to this host's sandboxes.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import type { GpuAgentConfig } from '../config.ts';
import { openIndexProxy } from './index-proxy.ts';
import type { PackageIndex } from './package-index.ts';
import type { PackageOffer } from './package-offer.ts';
import { startPackageServer } from './package-server.ts';
import { openWheelFolder } from './wheel-folder.ts';

/** Below the agent's state directory; the sandbox proxy mounts it by the same name. */
const packagesFolder = 'packages';

/** Undefined where none is offered; throws a sentence where the index cannot be used. */
export async function openPackages(
  { packages, stateDirectory }: Pick<GpuAgentConfig, 'packages' | 'stateDirectory'>,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  stack: AsyncDisposableStack,
): Promise<PackageOffer | undefined> {
  if (packages.mode === 'none') return undefined;
  const index = packages.wheels === '' ? await proxy() : await folder(packages.wheels);
  stack.adopt(await startPackageServer(join(stateDirectory, packagesFolder), index, log), (it) => it.stop());
  log.info({ projects: (await index.projects()).length }, 'sandboxes may install packages');
  return { projects: () => index.projects() };

  async function proxy(): Promise<PackageIndex> {
    const { index: url, allow, credentialsFile, cacheBytes: maxBytes } = packages;
    const directory = join(stateDirectory, 'wheels');
    return await openIndexProxy({ url, allow, credentialsFile, directory, maxBytes, clock });
  }
}

async function folder(path: string): Promise<PackageIndex> {
  try {
    await readdir(path);
  } catch (error) {
    throw new Error(`the folder of wheels ${path} cannot be read; see packages.wheels`, { cause: error });
  }
  return openWheelFolder(path);
}
