// Whether the ports of a cluster are free, and who has one that is not.

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { CliError, exitCodes } from '../exit-codes.ts';
import { daemonNames, type Layout } from './layout.ts';

/** Throws where a port is taken, naming it, who has it and the way out. */
export async function refuseTakenPorts(layout: Layout): Promise<void> {
  const dashboardPort = Number(layout.dashboard.split(':').at(-1));
  const wanted = [
    ['the dashboard', dashboardPort] as const,
    ...daemonNames.map((name) => [name, layout.ports[name]] as const),
  ];
  for (const [name, port] of wanted) {
    if (await isFree(port)) continue;
    const owner = ownerOf(port);
    throw new CliError(
      exitCodes.precondition,
      `Port ${port}, meant for ${name}, is taken${owner === '' ? '' : ` by ${owner}`}.`,
      [
        `If a cluster of yours has it: doubleblind down --state-dir DIR stops the one of that directory (here: ${layout.stateDirectory}).`,
        `Or use other ports: --port-base ${layout.ports.coordinator - 1 + 100}`,
      ],
    );
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** `nats-server (pid 123)` by /proc; empty where that tells nothing. */
function ownerOf(port: number): string {
  try {
    const inode = listeningInode(port);
    if (inode === undefined) return '';
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (holds(pid, `socket:[${inode}]`)) return `${nameOf(pid)} (pid ${pid})`;
    }
  } catch {
    // No /proc, or a process that went away meanwhile: then nobody is named.
  }
  return '';
}

/** The script of a Node process, which tells more than that it is one; else the program's name. */
function nameOf(pid: string): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const script = words.find((word) => word.endsWith('.ts') || word.endsWith('.js'));
  return script ?? readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

function listeningInode(port: number): string | undefined {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${wanted}`) && state === '0A') return inode;
    }
  }
  return undefined;
}

function holds(pid: string, socket: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === socket;
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
