// The Docker engine: whether one answers, and how one is brought up. Speaks plain HTTP to the socket; the client library
// belongs to the gpu-agent.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { componentsOf, type RuntimeComponent } from '../../shared/sandbox/runtime-advisories.ts';
import { harmless } from '../core/text.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { aptInstall, type Machine, missingPackage } from './apt.ts';
import { type CommandOptions, findProgram, runLogged } from './command.ts';
import type { SetupStep } from './step.ts';

export type EngineAnswer =
  | { readonly kind: 'answers'; readonly version: string }
  | { readonly kind: 'denied' }
  | { readonly kind: 'silent' };

const usualSocket = '/var/run/docker.sock';

/** The engine's socket: DOCKER_HOST where it names one, else the usual one. An engine on another machine is refused: data is mounted. */
export function dockerSocket(env: Readonly<Record<string, string | undefined>>): string {
  const host = env['DOCKER_HOST'] ?? '';
  if (host === '') return usualSocket;
  if (host.startsWith('unix://')) return host.slice('unix://'.length);
  throw new CliError(exitCodes.precondition, `DOCKER_HOST is ${host}; sandboxes need the engine of this machine.`, [
    'Unset DOCKER_HOST, or name a socket: DOCKER_HOST=unix:///var/run/docker.sock',
  ]);
}

/** Asks the engine for its version. */
export async function askEngine(socketPath: string): Promise<EngineAnswer> {
  try {
    return versionAnswer(await get(socketPath, '/version'));
  } catch (error) {
    const denied = error instanceof Error && 'code' in error && error.code === 'EACCES';
    return { kind: denied ? 'denied' : 'silent' };
  }
}

/** The newest image of sandboxes that was made here. */
export const sandboxImageName = 'doubleblind/sandbox-cpu:latest';

/** The id (`sha256:…`) of an image; undefined where there is none, or no engine that answers. */
export async function imageIdOf(socketPath: string, reference: string): Promise<string | undefined> {
  const body = await get(socketPath, `/images/${reference}/json`).catch(() => '');
  return /"Id":"(sha256:[0-9a-f]{64})"/.exec(body)?.[1];
}

/** How people are told of an image everywhere: the beginning of its id, by which `docker image inspect` finds it too. */
export function shortImageId(id: string): string {
  return id.slice(0, 'sha256:'.length + 12);
}

/** What the engine says of how it separates containers. */
export interface EngineFacts {
  readonly components: readonly RuntimeComponent[];
  readonly securityOptions: readonly string[];
  readonly runtimes: readonly string[];
}

/** Undefined where no engine answers. */
export async function engineFacts(socketPath: string): Promise<EngineFacts | undefined> {
  try {
    const [version, info] = await Promise.all([get(socketPath, '/version'), get(socketPath, '/info')]);
    const { SecurityOptions, Runtimes } = JSON.parse(info) as { SecurityOptions?: string[]; Runtimes?: object };
    return {
      components: componentsOf(JSON.parse(version)).map(({ name, version: told }) => ({
        name: harmless(name),
        version: harmless(told),
      })),
      securityOptions: SecurityOptions ?? [],
      runtimes: Object.keys(Runtimes ?? {}),
    };
  } catch {
    return undefined;
  }
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, timeout: 5000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', reject);
    call.end();
  });
}

function versionAnswer(body: string): EngineAnswer {
  const version = /"Version"\s*:\s*"([^"]{1,64})"/.exec(body)?.[1];
  return version === undefined ? { kind: 'silent' } : { kind: 'answers', version: harmless(version) };
}

export interface EngineOptions extends Omit<CommandOptions, 'onLine'> {
  readonly machine: Machine;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where dockerd writes when it is started by hand. */
  readonly engineLog: string;
}

/** Most seconds until a started engine answers; the first start on a slow disk takes some ten. */
const startSeconds = 90;

export function dockerEngineStep(options: EngineOptions): SetupStep {
  const { machine, environment } = options;
  const socket = dockerSocket(environment);
  return {
    name: 'Docker engine',
    isDone: async () => {
      const answer = await askEngine(socket);
      return answer.kind === 'answers' ? answer.version : undefined;
    },
    whatIsMissing: async () => {
      if ((await askEngine(socket)).kind === 'denied') {
        return {
          what: `permission to use the Docker engine at ${socket}`,
          commands: ['sudo usermod -aG docker "$USER", then log in anew; or run this as root'],
        };
      }
      // An engine that the user named is the user's to start; ours would listen elsewhere.
      if (socket !== usualSocket) {
        return {
          what: `a Docker engine at ${socket}, which DOCKER_HOST names`,
          commands: ['start that engine, or unset DOCKER_HOST to use the usual one'],
        };
      }
      if (findProgram('dockerd', environment) === undefined) {
        return missingPackage(machine, 'the Docker engine', 'docker.io');
      }
      const start = machine.hasSystemd ? 'sudo systemctl start docker' : 'sudo dockerd &';
      return machine.isRoot ? undefined : { what: 'a running Docker engine (not root)', commands: [start] };
    },
    run: async (report) => {
      if (findProgram('dockerd', environment) === undefined) {
        // Without systemd nobody mounts the control groups that containers need.
        const extra = machine.hasSystemd || existsSync('/sys/fs/cgroup/cgroup.controllers') ? [] : ['cgroupfs-mount'];
        await aptInstall(['docker.io', ...extra], options, report);
      }
      await startEngine(socket, options, report);
    },
  };
}

async function startEngine(socket: string, options: EngineOptions, report: (line: string) => void): Promise<void> {
  // A package that was just installed may have started it.
  if (await answersWithin(socket, 2, options.signal)) return;
  if (options.machine.hasSystemd) {
    report('starting it: systemctl start docker');
    const end = await runLogged(['systemctl', 'start', 'docker'], options);
    if (end.status === 0 && (await answersWithin(socket, startSeconds, options.signal))) return;
    throw notStarted('systemctl status docker', end.lastLines);
  }
  if (findProgram('cgroupfs-mount', options.environment) !== undefined) await runLogged(['cgroupfs-mount'], options);
  report(`starting it by hand: dockerd (log in ${options.engineLog})`);
  mkdirSync(dirname(options.engineLog), { recursive: true });
  const log = openSync(options.engineLog, 'a', 0o600);
  const program = findProgram('dockerd', options.environment) ?? 'dockerd';
  // In a session of its own, so that Ctrl-C in this terminal does not reach it: it stays when we go.
  const engine = spawn(program, [], { detached: true, stdio: ['ignore', log, log] });
  const ended = new Promise<false>((resolve) => {
    engine.once('exit', () => resolve(false));
    engine.once('error', () => resolve(false));
  });
  engine.unref();
  if (await Promise.race([answersWithin(socket, startSeconds, options.signal), ended])) return;
  throw notStarted(options.engineLog, tail(options.engineLog));
}

function notStarted(where: string, lines: readonly string[]): CliError {
  const reason = lines.findLast((line) => /fail|error|denied/i.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return new CliError(exitCodes.precondition, `The Docker engine did not start: ${harmless(reason).slice(0, 400)}`, [
    `More is in: ${where}`,
    'It needs a machine (or container) that may run containers, with control groups mounted.',
  ]);
}

function tail(path: string): readonly string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n').slice(-20) : [];
}

async function answersWithin(socket: string, seconds: number, signal: AbortSignal): Promise<boolean> {
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    signal.throwIfAborted();
    if ((await askEngine(socket)).kind === 'answers') return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}

/** Where logs of set-up go in a state directory. */
export function setupLogs(stateDirectory: string): { readonly setup: string; readonly engine: string } {
  const logs = join(stateDirectory, 'logs');
  return { setup: join(logs, 'setup.log'), engine: join(logs, 'dockerd.log') };
}
