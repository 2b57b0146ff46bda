// A step of set-up, and how a list of them is gone through.
// Invariants: a step that is done is never run again; a step can be interrupted anywhere and run again; without the right to
// install nothing is changed, and everything that is missing is told at once, each with the command that brings it.

import type { CliContext } from '../context.ts';
import { duration } from '../core/quantity.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { unwrapped } from '../terminal/live-view.ts';

/** What a person has to do where set-up may not. */
export interface Missing {
  readonly what: string;
  readonly commands: readonly string[];
}

export interface SetupStep {
  /** As it stands in the progress line, for example `Docker engine`. */
  readonly name: string;
  /** A few words about what is there, such as a version; undefined where it is not. */
  isDone(): Promise<string | undefined>;
  /** Why set-up may not bring it here; undefined where it may. */
  whatIsMissing(): Promise<Missing | undefined>;
  /** Brings it. `report` takes a line of progress. */
  run(report: (line: string) => void): Promise<void>;
}

/** What was found without changing anything. */
export interface Finding {
  readonly name: string;
  readonly found: string | undefined;
  readonly missing: Missing | undefined;
}

/** Looks at every step and changes nothing. */
export async function inspectSteps(steps: readonly SetupStep[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const step of steps) {
    const found = await step.isDone();
    const missing = found === undefined ? await step.whatIsMissing() : undefined;
    findings.push({ name: step.name, found, missing });
  }
  return findings;
}

/** A step that is done, and what is there. */
export interface DoneStep {
  readonly name: string;
  readonly found: string;
  readonly seconds: number;
}

/** Goes through the steps in order. Throws with exit code 6 where something is missing that set-up may not bring. */
export async function runSteps(steps: readonly SetupStep[], cli: CliContext): Promise<DoneStep[]> {
  refuseMissing(await inspectSteps(steps));
  const done: DoneStep[] = [];
  for (const step of steps) {
    cli.signal.throwIfAborted();
    const startedAt = performance.now();
    const found = await step.isDone();
    if (found === undefined) await runStep(step, cli);
    const what = found ?? (await step.isDone());
    if (what === undefined) {
      const missing = await step.whatIsMissing();
      throw new CliError(exitCodes.precondition, `${step.name}: set-up ran, and it still is not there.`, [
        ...(missing?.commands ?? []),
        'The log .doubleblind/logs/setup.log has the output of every command.',
      ]);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const { style } = cli.stderr;
    cli.stderr.write(`${style.good('✓')} ${step.name} ${what} ${style.dim(`(${duration(seconds)})`)}\n`);
    done.push({ name: step.name, found: what, seconds });
  }
  return done;
}

/** Tells what would be done, and does nothing. Throws as `runSteps` would. */
export function planSteps(findings: readonly Finding[], cli: CliContext): void {
  refuseMissing(findings);
  const { style } = cli.stderr;
  for (const { name, found } of findings) {
    const line =
      found === undefined ? `${style.accent('…')} ${name} would be brought` : `${style.good('✓')} ${name} ${found}`;
    cli.stderr.write(`${line}\n`);
  }
}

function refuseMissing(findings: readonly Finding[]): void {
  const missing = findings.flatMap((finding) => finding.missing ?? []);
  if (missing.length === 0) return;
  throw new CliError(
    exitCodes.precondition,
    'This machine lacks something, and set-up may not install it here:',
    missing.flatMap(({ what, commands }) => [`• ${what}`, ...commands.map((command) => `    ${command}`)]),
  );
}

/** Milliseconds between lines of progress where there is no terminal. */
const quietMs = 5000;

/** Runs the step with its progress as one changing line on a terminal, as lines now and then elsewhere. */
async function runStep(step: SetupStep, cli: CliContext): Promise<void> {
  const { stderr } = cli;
  const { style } = stderr;
  let announced = false;
  let saidAt = Number.NEGATIVE_INFINITY;
  let shown = 0;
  const erase = (lines: number): void => {
    if (lines > 0) stderr.write(`\u001b[${lines}A\r\u001b[J`);
    shown -= lines;
  };
  const report = (line: string): void => {
    if (!announced) {
      stderr.write(`${style.accent('…')} ${step.name}\n`);
      shown = stderr.canRedraw ? 1 : 0;
    }
    announced = true;
    // A pipe or a log needs a sign of life, not every line.
    if (!stderr.canRedraw && performance.now() - saidAt < quietMs) return;
    saidAt = performance.now();
    erase(Math.max(0, shown - 1));
    const text = `${style.dim(`    ${line.slice(0, Math.max(20, stderr.columns - 6))}`)}\n`;
    stderr.write(stderr.canRedraw ? unwrapped(text) : text);
    if (stderr.canRedraw) shown += 1;
  };
  try {
    await step.run(report);
  } finally {
    erase(shown);
  }
}
