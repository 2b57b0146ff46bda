// Somebody who gives out jobs: what the benchmark needs of ours and of each peer.

import type { Done, Load } from './jobs.ts';

export interface Contestant {
  /** Does all jobs of a load, deciding on the next one only when one has ended. */
  run(load: Load): Promise<Done[]>;
  /** Its processes, whose processor time is counted with that of their children. */
  readonly processes: readonly number[];
  stop(): Promise<void>;
}

/** Starts a contestant for so many slots, in processes of `slotsPerHost` slots each. */
export type StartContestant = (slots: number) => Promise<Contestant>;
