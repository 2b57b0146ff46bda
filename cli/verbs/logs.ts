// `logs`: what a daemon of the local cluster wrote, or what a candidate's clean-slate run printed.

import { closeSync, existsSync, type FSWatcher, openSync, readdirSync, readSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { harmless } from '../core/text.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { chooseCandidate, type OutputFlags, positiveWhole, withCoordinator, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly follow?: boolean;
  readonly lines: number;
}

/** More than any terminal holds; the file has the rest. */
const mostBytes = 4 * 2 ** 20;

export function addLogs(program: Command, cli: CliContext): void {
  const command = program
    .command('logs')
    .description(
      "a daemon's log (coordinator, gpu-agent, sandbox-proxy, evaluator, llm-gateway, nats, setup, dockerd) or a candidate's output",
    )
    .argument('<what>', 'daemon or candidate')
    .option('-f, --follow', "go on as a daemon's log grows")
    .option('-n, --lines <n>', "last lines of a daemon's log to show", positiveWhole, 200);
  withOutput(withPlace(command)).action(async (what: string, flags: Flags) => {
    const folder = join(findPlace(cli, flags).stateDirectory, 'logs');
    const file = join(folder, `${what.replace(/^evaluator-node$/, 'evaluator')}.log`);
    if (/^[a-z][a-z-]*$/.test(what) && existsSync(file)) {
      await showFile(file, flags, cli);
      return;
    }
    await withCoordinator(cli, flags, async (coordinator) => {
      const { candidate } = await chooseCandidate(coordinator, what).catch((error: unknown) => {
        throw explain(error, what, folder);
      });
      if (candidate.artifacts.logDigest === '') {
        throw new CliError(
          exitCodes.precondition,
          `#${candidate.number} (${candidate.state}) has no output of a clean-slate run.`,
          [`What its agent did: doubleblind transcript ${candidate.candidateId}`],
        );
      }
      const text = (await coordinator.artifact(candidate.artifacts.logDigest)).toString('utf8');
      if (flags.output === 'json') printJson(cli.stdout, { candidateId: candidate.candidateId, text });
      else print(text, cli);
    });
  });
}

function explain(error: unknown, what: string, folder: string): unknown {
  const looksLikeDaemon = [
    'coordinator',
    'gpu-agent',
    'sandbox-proxy',
    'evaluator',
    'llm-gateway',
    'nats',
    'setup',
    'dockerd',
  ].includes(what);
  if (!looksLikeDaemon) return error;
  const there = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
  const names = there.map((name) => name.replace(/\.log$/, '')).join(', ') || 'none';
  return new CliError(exitCodes.notFound, `There is no log of ${what} in ${folder}; logs there: ${names}.`);
}

function print(text: string, cli: CliContext): void {
  cli.stdout.write(cli.stdout.isTerminal ? harmless(text) : text);
}

/** One object a line: what a daemon wrote as JSON as it stands, any other line as `{"text": …}`. */
function jsonLines(cli: CliContext): (text: string) => void {
  let rest = '';
  return (text) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) cli.stdout.write(`${isObject(line) ? line : JSON.stringify({ text: line })}\n`);
  };
}

function isObject(line: string): boolean {
  try {
    return line.startsWith('{') && typeof JSON.parse(line) === 'object';
  } catch {
    return false;
  }
}

async function showFile(path: string, flags: Flags, cli: CliContext): Promise<void> {
  const size = statSync(path).size;
  const start = Math.max(0, size - mostBytes);
  const lines = read(path, start, size).split('\n');
  const complete = lines.at(-1) === '' ? 1 : 0;
  const write = flags.output === 'json' ? jsonLines(cli) : (text: string) => print(text, cli);
  write(lines.slice(-flags.lines - complete).join('\n'));
  if (flags.follow !== true) return;
  await follow(path, size, cli, write);
  cli.exitCode = exitCodes.detached;
}

function read(path: string, from: number, to: number): string {
  const bytes = Buffer.alloc(Math.max(0, to - from));
  const file = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from)).toString('utf8');
  } finally {
    closeSync(file);
  }
}

/** Prints what is added until Ctrl-C; a file that shrank was begun anew. */
function follow(path: string, from: number, cli: CliContext, write: (text: string) => void): Promise<void> {
  return new Promise((resolve) => {
    let at = from;
    const more = (): void => {
      const size = existsSync(path) ? statSync(path).size : at;
      if (size < at) at = 0;
      if (size > at) write(read(path, at, size));
      at = size;
    };
    const watcher: FSWatcher = watch(path, more);
    // Some file systems tell nobody of changes; once a second is soon enough for a person.
    const timer = setInterval(more, 1000);
    const end = (): void => {
      clearInterval(timer);
      watcher.close();
      resolve();
    };
    if (cli.signal.aborted) end();
    else cli.signal.addEventListener('abort', end, { once: true });
  });
}
