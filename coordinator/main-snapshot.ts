// `main-snapshot STATE_DIRECTORY`: folds the journal and writes a snapshot of it. The coordinator starts it now and then beside itself.

import { openJournal } from './journal/journal.ts';

const [directory = ''] = process.argv.slice(2);
const journal = openJournal(directory);
try {
  journal.writeSnapshot();
} finally {
  journal.close();
}
