// Puts the rows of a submission where the task has them. Rows are joined a few hundred at a time, in short loops over
// what the last ones read: a table of a million ids does not fit a cache, and such loops wait for many lines at once.

import type { IdTable } from './id-table.ts';

/** Why a row has no place. */
export interface Misfit {
  readonly line: number;
  readonly id: string;
  /** True where the id had a row before. */
  readonly repeated: boolean;
}

export interface Join {
  /** Values of the rows at hand, row-major. */
  readonly values: Float64Array;
  /** Takes the id in bytes [start, end) of that line, and says where in `values` its values go. */
  take(bytes: Uint8Array, start: number, end: number, line: number): number;
  /** True where `flush` must come before the next row. */
  isFull(idBytes: number): boolean;
  /** Joins the rows at hand; the first that has no place, where there is one. */
  flush(): Misfit | undefined;
  /** Rows joined. */
  readonly rows: number;
  /** All values, in the order of the table; NaN where a row is missing. */
  readonly joined: Float64Array;
}

const batchRows = 256;
/** Longer ids than the table's belong to no row, but must be told. */
const batchIdBytes = 32 * 1024;

/** A join onto the table of rows with `width` values each. */
export function createJoin(ids: IdTable, width: number, longestId: number): Join {
  const joined = new Float64Array(ids.size * width).fill(Number.NaN);
  const values = new Float64Array(batchRows * width);
  const keys = Buffer.alloc(batchIdBytes + longestId);
  const offsets = new Uint32Array(batchRows + 1);
  const hashes = new Int32Array(batchRows);
  const positions = new Int32Array(batchRows);
  let count = 0;
  let firstLine = 0;
  let rows = 0;

  const misfit = (row: number, repeated: boolean): Misfit => {
    const id = keys.toString('utf8', offsets[row], offsets[row + 1]);
    return { line: firstLine + row, id, repeated };
  };
  const findPositions = (): void => {
    for (let row = 0; row < count; row += 1) positions[row] = ids.probe(hashes[row] ?? 0);
    for (let row = 0; row < count; row += 1) {
      const position = positions[row] ?? -1;
      const [start = 0, end = 0] = [offsets[row], offsets[row + 1]];
      if (position >= 0 && !ids.holds(position, keys, start, end)) positions[row] = ids.find(keys, start, end);
    }
  };
  return {
    values,
    joined,
    get rows() {
      return rows;
    },
    isFull: (idBytes) => count === batchRows || (offsets[count] ?? 0) + idBytes > keys.length,
    take(bytes, start, end, line) {
      if (count === 0) firstLine = line;
      let used = offsets[count] ?? 0;
      for (let at = start; at < end; at += 1, used += 1) keys[used] = bytes[at] ?? 0;
      hashes[count] = ids.hash(keys, offsets[count] ?? 0, used);
      count += 1;
      offsets[count] = used;
      return (count - 1) * width;
    },
    flush() {
      findPositions();
      for (let row = 0; row < count; row += 1) {
        const target = (positions[row] ?? -1) * width;
        if (target < 0) return misfit(row, false);
        // Every value that was read is a number, so NaN marks a row that had none.
        if (!Number.isNaN(joined[target] ?? 0)) return misfit(row, true);
        for (let column = 0; column < width; column += 1) joined[target + column] = values[row * width + column] ?? 0;
        rows += 1;
      }
      count = 0;
      return;
    },
  };
}
