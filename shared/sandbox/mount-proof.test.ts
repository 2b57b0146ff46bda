import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseMountInfo, proveMounts, withinFileSystem } from './mount-proof.ts';

const table = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
30 22 254:1 /@var /var rw - btrfs /dev/vdb rw
31 30 254:2 / /var/lib/double\\040blind rw - ext4 /dev/vdc rw
32 22 254:0 /srv/state /mnt rw - ext4 /dev/vda rw
`;

test('a path is found within its file system, through subvolumes, binds and blanks', () => {
  const mounts = parseMountInfo(table);
  expect(withinFileSystem(mounts, '/home/x')).toEqual({ device: '254:0', root: '/home/x' });
  expect(withinFileSystem(mounts, '/var/cache')).toEqual({ device: '254:1', root: '/@var/cache' });
  expect(withinFileSystem(mounts, '/variety')).toEqual({ device: '254:0', root: '/variety' });
  expect(withinFileSystem(mounts, '/var/lib/double blind/bundles/1')).toEqual({ device: '254:2', root: '/bundles/1' });
  expect(withinFileSystem(mounts, '/mnt/bundles')).toEqual({ device: '254:0', root: '/srv/state/bundles' });
  expect(withinFileSystem(mounts, '/mnt')).toEqual({ device: '254:0', root: '/srv/state' });
  expect(withinFileSystem(parseMountInfo('1 0 254:0 / / rw - ext4 x rw'), '/')).toEqual({ device: '254:0', root: '/' });
  expect(() => withinFileSystem([], '/x')).toThrow(/no file system/);
});

test('a process whose mounts are others, or that is gone, is refused', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-mounts-'));
  const mount = { source: directory, target: '/' };
  await expect(proveMounts(process.pid, [mount])).rejects.toThrow(/mounted at \/, not .*symbolic link/);
  await expect(proveMounts(process.pid, [{ source: directory, target: '/nowhere' }])).rejects.toThrow(
    /nothing mounted/,
  );
  await expect(proveMounts(0, [mount])).rejects.toThrow(/ended before/);
  await expect(proveMounts(2 ** 22 + 1, [mount])).rejects.toThrow(/cannot be read/);
  rmSync(directory, { recursive: true });
});
