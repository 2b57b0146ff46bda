// A stream of the process as an output, with the size of its window.

import type { Output } from '../context.ts';
import { styleFor } from './style.ts';

interface Stream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** 0 on a terminal whose size nobody has set, as under `script`. */
  readonly columns?: number;
  readonly rows?: number;
}

/** Where there is no window, or none that tells its size. */
const usualSize = { columns: 100, rows: 24 };

export function streamOutput(stream: Stream, env: Readonly<Record<string, string | undefined>>): Output {
  const isTerminal = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(text);
    },
    isTerminal,
    canRedraw: isTerminal && env['TERM'] !== 'dumb',
    get columns() {
      return stream.columns || usualSize.columns;
    },
    get rows() {
      return stream.rows || usualSize.rows;
    },
    style: styleFor(isTerminal, env),
  };
}
