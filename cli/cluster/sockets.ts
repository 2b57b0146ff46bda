// The unix socket between two processes of a local cluster.

import { connect } from 'node:net';
import { CliError, exitCodes } from '../exit-codes.ts';

/** sun_path of unix(7) has 108 bytes, one of them for the end. */
const longestSocketPath = 107;

/** Throws where the kernel could not take the path. */
export function refuseLongPath(path: string): void {
  if (Buffer.byteLength(path) <= longestSocketPath) return;
  throw new CliError(
    exitCodes.precondition,
    `${path} is longer than the ${longestSocketPath} bytes that a socket's path may have.`,
    ['Use a shorter directory: --state-dir DIR'],
  );
}

/** Whether somebody listens there. */
export function socketServes(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (serves: boolean): void => {
      socket.destroy();
      resolve(serves);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}
