// Whether a started container really has the directories mounted that it should.
// The one who asks for a mount owns the directory, so it could put a symbolic link into the path after any check of it and
// before the engine follows it. So the proof comes afterwards and asks the kernel: what lies at the mount point, as path
// within its file system, must be what the path means without following any link. Nothing of anybody's runs before it.

import { readFile } from 'node:fs/promises';
import type { ContainerMount } from './container-host.ts';
import { SandboxError } from './sandbox-error.ts';

interface MountPoint {
  /** `major:minor` of the file system. */
  readonly device: string;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly at: string;
}

/** Rejects with SandboxError where one is not there, or is something else. */
export async function proveMounts(pid: number, mounts: readonly ContainerMount[]): Promise<void> {
  if (!Number.isSafeInteger(pid) || pid <= 0)
    throw new SandboxError('the container ended before it could be looked at');
  const own = parseMountInfo(await mountInfo('self'));
  const theirs = parseMountInfo(await mountInfo(String(pid)));
  for (const { source, target } of mounts) {
    const want = withinFileSystem(own, source);
    const have = theirs.findLast(({ at }) => at === target);
    if (have === undefined || have.device !== want.device || have.root !== want.root) {
      throw new SandboxError(
        `the container has ${have === undefined ? 'nothing' : have.root} mounted at ${target}, not ${source}; ` +
          'no part of that path may be a symbolic link',
      );
    }
  }
}

async function mountInfo(process: string): Promise<string> {
  try {
    return await readFile(`/proc/${process}/mountinfo`, 'utf8');
  } catch (error) {
    const message = `the mounts of process ${process} cannot be read; the proxy must run on the engine's own host`;
    throw new SandboxError(message, { cause: error });
  }
}

/** Lines of proc(5): id, parent, device, root, mount point, …; blanks within a field are written as \040. */
export function parseMountInfo(text: string): MountPoint[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, , device = '', root = '', at = ''] = line.split(' ');
      return { device, root: unescaped(root), at: unescaped(at) };
    });
}

/** Where a path lies within its file system, no link followed. */
export function withinFileSystem(mounts: readonly MountPoint[], path: string): Omit<MountPoint, 'at'> {
  const below = ({ at }: MountPoint): boolean => at === '/' || path === at || path.startsWith(`${at}/`);
  // The longest wins; of equal ones the later, which lies on top.
  const best = mounts.filter(below).reduce<MountPoint | undefined>((longest, mount) => {
    return longest === undefined || mount.at.length >= longest.at.length ? mount : longest;
  }, undefined);
  if (best === undefined) throw new SandboxError(`no file system is known for ${path}`);
  const rest = best.at === '/' ? path : path.slice(best.at.length);
  const root = `${best.root === '/' ? '' : best.root}${rest}`;
  return { device: best.device, root: root === '' ? '/' : root };
}

function unescaped(field: string): string {
  return field.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
