// `replay STATE_DIRECTORY RUN [json]`: folds the journal up to each event of a run and tells what it was. Reads only; the
// coordinator may be at work meanwhile.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import { openJournal } from './journal/journal.ts';
import { replayRun } from './journal/replay.ts';

endQuietlyWithoutReader();

const [directory = '', run = '', format = 'table'] = process.argv.slice(2);

if (!existsSync(join(directory, 'journal.db'))) {
  process.stderr.write(`There is no journal in ${directory}; name the coordinator's state directory with --journal.\n`);
  process.exitCode = 6;
} else {
  const journal = openJournal(directory);
  try {
    const replayed = replayRun(journal, run);
    if (replayed === undefined) {
      process.stderr.write(`No run of this journal begins with ${run}, or more than one does.\n`);
      process.exitCode = 3;
    } else {
      for (const entry of replayed) {
        const { sequence, at, kind, about, stateHash } = entry;
        const line = `${String(sequence).padStart(7)}  ${new Date(at).toISOString()}  ${kind.padEnd(17)} ${about}  ${stateHash}`;
        process.stdout.write(`${format === 'json' ? JSON.stringify(entry) : line.trimEnd()}\n`);
      }
    }
  } finally {
    journal.close();
  }
}
