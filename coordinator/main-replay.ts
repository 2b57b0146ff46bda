// `replay STATE_DIRECTORY RUN [json]`: folds the journal up to each event of a run and tells what it was. Reads only, whatever it is given;
// the coordinator may be at work meanwhile.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import { viewJournal } from './journal/journal.ts';
import { type ReplayedEvent, replayRun } from './journal/replay.ts';

endQuietlyWithoutReader();

const [directory = '', run = '', format = 'table'] = process.argv.slice(2);

const journal = open();
try {
  if (journal !== undefined) tell(replayRun(journal, run));
} finally {
  journal?.close();
}

function open(): ReturnType<typeof viewJournal> | undefined {
  if (!existsSync(join(directory, 'journal.db'))) {
    refuse(6, `There is no journal in ${directory}; name the coordinator's state directory with --journal.`);
    return undefined;
  }
  try {
    return viewJournal(directory);
  } catch (error) {
    refuse(6, `The journal in ${directory} cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
    return undefined;
  }
}

function tell(replayed: readonly ReplayedEvent[] | undefined): void {
  if (replayed === undefined) {
    refuse(3, `No run of this journal begins with ${run}, or more than one does.`);
    return;
  }
  for (const entry of replayed) {
    const { sequence, at, kind, about, stateHash } = entry;
    const line = `${String(sequence).padStart(7)}  ${new Date(at).toISOString()}  ${kind.padEnd(17)} ${about}  ${stateHash}`;
    process.stdout.write(`${format === 'json' ? JSON.stringify(entry) : line.trimEnd()}\n`);
  }
}

function refuse(exitCode: number, sentence: string): void {
  process.stderr.write(`${sentence}\n`);
  process.exitCode = exitCode;
}
