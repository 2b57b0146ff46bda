// What a verb knows of the world: where it prints, where the checkout and its state are, and when the user wants to stop.
// Tests make one of their own; main.ts makes the real one.

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { ExitCode } from './exit-codes.ts';
import type { Style } from './terminal/style.ts';

/** A stream that text goes to. */
export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  /** A terminal on which lines can be drawn again; TERM=dumb says that it cannot. */
  readonly canRedraw: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly style: Style;
}

export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The checkout: holds the daemons' folders and tasks/. */
  readonly root: string;
  /** Data. */
  readonly stdout: Output;
  /** Progress. */
  readonly stderr: Output;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** What the process will leave with; verbs that end well leave it alone. */
  exitCode: ExitCode;
}

/** The flags by which a verb finds its cluster. */
export interface PlaceFlags {
  readonly stateDir?: string | undefined;
  readonly pkiDir?: string | undefined;
  readonly coordinator?: string | undefined;
  readonly gateway?: string | undefined;
}

/** Where a cluster is and how to speak to it. */
export interface Place {
  readonly stateDirectory: string;
  readonly pkiDirectory: string;
  readonly coordinator: string;
  readonly gateway: string;
}

const defaultCoordinator = '127.0.0.1:7441';
const defaultGateway = '127.0.0.1:7444';

/** Flags before environment before what the running cluster of the state directory has written down. */
export function findPlace(cli: CliContext, flags: PlaceFlags): Place {
  const stateDirectory = resolve(
    cli.cwd,
    flags.stateDir ?? cli.env['DOUBLEBLIND_STATE_DIR'] ?? join(cli.root, '.doubleblind'),
  );
  const recorded = clusterRecord(stateDirectory)?.addresses;
  const pki = flags.pkiDir ?? cli.env['DOUBLEBLIND_PKI_DIR'];
  return {
    stateDirectory,
    pkiDirectory: pki === undefined ? join(stateDirectory, 'pki') : resolve(cli.cwd, pki),
    coordinator:
      flags.coordinator ?? cli.env['DOUBLEBLIND_COORDINATOR'] ?? recorded?.['coordinator'] ?? defaultCoordinator,
    gateway: flags.gateway ?? cli.env['DOUBLEBLIND_GATEWAY'] ?? recorded?.['llm-gateway'] ?? defaultGateway,
  };
}

/** What a running cluster writes into its state directory. */
export interface ClusterRecord {
  readonly pid: number;
  readonly startedAt: string;
  /** False while it is starting. */
  readonly ready: boolean;
  /** host:port by daemon. */
  readonly addresses: Readonly<Record<string, string>>;
}

export function clusterRecordPath(stateDirectory: string): string {
  return join(stateDirectory, 'run', 'cluster.json');
}

/** The record of the state directory; undefined where there is none that can be read. Its cluster may be gone. */
export function clusterRecord(stateDirectory: string): ClusterRecord | undefined {
  const path = clusterRecordPath(stateDirectory);
  if (!existsSync(path)) return undefined;
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, startedAt, ready, addresses } = value as Partial<ClusterRecord>;
    if (typeof pid !== 'number' || typeof addresses !== 'object' || addresses === null) return undefined;
    return { pid, startedAt: startedAt ?? '', ready: ready === true, addresses };
  } catch {
    return undefined;
  }
}

/** The version of the checkout. */
export function versionOf(root: string): string {
  const value: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const version = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}

/** Prints a value as JSON for programs. */
export function printJson(output: Output, value: unknown): void {
  output.write(`${JSON.stringify(value, null, 2)}\n`);
}
