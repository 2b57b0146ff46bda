// Blocks of memory in which the bytes of submissions travel to the scoring threads and come back to be used again: an upload
// of any size leaves nothing for a collection.

/** Fits a processor's second-level cache beside the rows that it is joined to. */
export const blockBytes = 256 * 1024;
/** Spare blocks that are kept: those of one submission on its way. */
const mostSpare = 8;

export interface Blocks {
  take(): ArrayBuffer;
  /** Takes a block back. */
  give(block: ArrayBuffer): void;
}

/** A store of blocks that makes new ones where it has none. */
export function createBlocks(): Blocks {
  const spare: ArrayBuffer[] = [];
  return {
    take: () => spare.pop() ?? new ArrayBuffer(blockBytes),
    give(block) {
      if (spare.length < mostSpare) spare.push(block);
    },
  };
}
