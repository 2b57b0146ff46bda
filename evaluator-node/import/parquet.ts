// A Parquet file as a table of texts, the same as the CSV of the same data. The file is read in a process of its own
// (main-parquet.ts), so that a hostile or broken one costs that process and not the importer.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { err, ok, type Result } from '../../shared/core/result.ts';
import type { FromParquet } from './main-parquet.ts';
import type { Problem } from './problem.ts';

interface ParquetTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One column of one row group at a time is far below this. */
const heapMegabytes = 512;
const program = fileURLToPath(new URL('./main-parquet.ts', import.meta.url));

/** The whole table, or the sentence that says why there is none. */
export async function readParquet(file: string, bytes: Buffer): Promise<Result<ParquetTable, Problem[]>> {
  const child = fork(program, [], {
    execArgv: [`--max-old-space-size=${heapMegabytes}`],
    serialization: 'advanced',
    stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
  });
  let columns: readonly string[] = [];
  let rows: string[][] = [];
  const { promise, resolve } = Promise.withResolvers<Result<ParquetTable, Problem[]>>();
  const refuse = (message: string, remedy: string): void => resolve(err([{ file, message, remedy }]));
  child.on('message', (message: FromParquet) => {
    switch (message.kind) {
      case 'head':
        columns = message.columns;
        rows = Array.from({ length: message.rows }, () => new Array<string>(columns.length).fill(''));
        break;
      case 'texts':
        message.texts.forEach((text, at) => {
          const row = rows[message.firstRow + at];
          if (row !== undefined) row[message.column] = text;
        });
        break;
      case 'refused':
        refuse(message.message, message.remedy);
        break;
      case 'end':
        resolve(ok({ columns, rows }));
    }
  });
  const ended = (reason: string): void => refuse(`not a readable Parquet file: ${reason}`, 'Write the file again');
  child.on('error', (error) => ended(error.message));
  // What was said before the end has arrived by then.
  child.on('close', () => ended(`reading it takes more than ${heapMegabytes} MiB, or its reader was stopped`));
  // A reader that ends early takes no more; that is told by its end.
  child.stdin?.on('error', () => {});
  child.stdin?.end(bytes);
  try {
    return await promise;
  } finally {
    child.kill();
  }
}
