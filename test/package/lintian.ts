// Debian's own checker of packages.

import { userInfo } from 'node:os';
import { runProgram } from '../../deploy/docker/command-line.ts';

/** Complaints, one a line; undefined with the reason printed where lintian cannot be had. */
export async function lintianComplaints(packagePath: string): Promise<readonly string[] | undefined> {
  if (!(await haveLintian())) {
    process.stderr.write('no lintian here, and it cannot be installed (apt-get install lintian)\n');
    return undefined;
  }
  const words = ['--allow-root', '--fail-on', 'error,warning', '--tag-display-limit', '0', packagePath];
  const { status, lastLines } = await runProgram('lintian', words);
  // 0 and nothing to say, or 2 and complaints; anything else is lintian's own failure.
  if (status !== 0 && status !== 2) throw new Error(`lintian failed:\n${lastLines.join('\n')}`);
  return lastLines.filter((line) => /^[EW]: /.test(line));
}

/** Installed where root may. */
async function haveLintian(): Promise<boolean> {
  const there = async (): Promise<boolean> => (await runProgram('lintian', ['--version'])).status === 0;
  if (await there()) return true;
  if (userInfo().uid !== 0) return false;
  await runProgram('env', [
    ...['DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'lintian'],
  ]);
  return await there();
}
