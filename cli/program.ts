// The command line as a whole: every verb, and how a usage error is told.

import { Command, CommanderError } from 'commander';
import { type CliContext, versionOf } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { describeFailure } from './failure.ts';
import { verbs } from './verbs.ts';

const examples = `
Examples:
  doubleblind quickstart                     set up, search on a packaged task, report
  doubleblind up                             start a local cluster and leave it running
  doubleblind run digits --candidates 50     a search on a task, with live progress
  doubleblind results                        the best candidates of the newest run
  doubleblind transcript '#7' --follow       what the agent behind a candidate thinks and does
  doubleblind report --open                  the newest run as one HTML page

Every verb that changes something takes --dry-run: all is checked and told, nothing is changed.
Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 ended without a valid candidate, 5 stopped by a budget,
6 precondition, 69 unavailable, 77 denied, 130 detached.`;

/** The program with every verb. */
export function buildProgram(cli: CliContext): Command {
  const program = new Command('doubleblind');
  program
    .description(
      'AI research agents search for the best machine-learning solution, judged by a node they cannot look into.',
    )
    .version(versionOf(cli.root), '-V, --version', 'print the version')
    .addHelpText('after', examples)
    .showHelpAfterError(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: (text) => cli.stderr.write(text.replace(/^error: /, 'doubleblind: ')),
      getOutHelpWidth: () => cli.stdout.columns,
    });
  for (const add of verbs) add(program, cli);
  inherit(program, program);
  return program;
}

/** Sub-commands made by hand do not take over how errors are told; this makes them. */
function inherit(program: Command, command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(program);
    child.exitOverride();
    inherit(program, child);
  }
}

/** Runs the words after the program's name; never throws. Resolves with the exit code. */
export async function runCli(cli: CliContext, words: readonly string[]): Promise<number> {
  try {
    const program = buildProgram(cli);
    if (words.length === 0) {
      program.outputHelp();
      return exitCodes.ok;
    }
    await program.parseAsync([...words], { from: 'user' });
    return cli.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return usageExit(error, cli);
    if (cli.signal.aborted && error instanceof Error && error.name === 'AbortError') {
      cli.stderr.write('Stopped; the same command goes on where this one was.\n');
      return exitCodes.detached;
    }
    const debug = (cli.env['DEBUG'] ?? '') !== '';
    const failure = describeFailure(error, debug);
    cli.stderr.write(`${cli.stderr.style.bad('doubleblind:')} ${failure.text}\n`);
    return failure.exitCode;
  }
}

function usageExit(error: CommanderError, cli: CliContext): number {
  if (error.exitCode === 0) return exitCodes.ok;
  if (error.code === 'commander.help') return exitCodes.usage;
  cli.stderr.write(`  doubleblind help lists the verbs, doubleblind VERB --help their flags.\n`);
  return exitCodes.usage;
}
