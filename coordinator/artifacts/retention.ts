// Lets old runs go where that was configured, and removes artifacts that nothing points to any more.
//
// Owns: when something is removed. Leaves to core/delete-run.ts what is still needed, to shared/store that a file which is put
// again at the same moment stays. It reads the wall clock, as no decision of the search does: ages are for people.
// Invariants: an artifact goes only if 1. no run points to it, now and a round ago; 2. it was stored, or stored again, before the
// grace; 3. and before every attempt that has not ended was planned, since what an attempt stores is pointed to by its end.

import type { Clock } from '../../shared/clock.ts';
import type { Digest } from '../../shared/core/ids.ts';
import type { Logger } from '../../shared/log.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { digestsOf, endedBefore, oldestOpenAt } from '../core/delete-run.ts';
import type { SearchActor } from '../runs/search-actor.ts';

/** Often enough that a disk does not fill in between. */
const roundMs = 600_000;
/** Files looked at without letting others have the thread: about 5 ms. */
const filesAtOnce = 200;
const dayMs = 86_400_000;

export interface RetentionOptions {
  readonly actor: Pick<SearchActor, 'state' | 'post'>;
  readonly artifacts: Pick<ArtifactDirectory, 'list' | 'removeStale' | 'giveRoomBack'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Days after its end that a run is kept; 0 for ever. */
  readonly runDays: number;
  /** Hours after it was stored that an artifact without a run is kept. */
  readonly artifactHours: number;
}

export interface Retention {
  /** One round; runs by itself every ten minutes. */
  round(): Promise<{ readonly runs: number; readonly artifacts: number }>;
  stop(): void;
}

export function startRetention(options: RetentionOptions): Retention {
  const { clock, log } = options;
  let unneeded: ReadonlySet<Digest> = new Set();
  let stopped = false;
  let timer: { cancel(): void } | undefined;

  async function round() {
    // Artifacts first: those of a run that goes now have another round to be pointed to by a fork of it.
    const swept = await sweep(options, unneeded);
    unneeded = swept.unneeded;
    const runs = await letGo(options);
    if (runs + swept.removed > 0) log.info({ runs, artifacts: swept.removed }, 'old runs and artifacts were removed');
    return { runs, artifacts: swept.removed };
  }

  function plan(): void {
    timer = clock.after(roundMs, () => {
      round()
        .catch((error: unknown) => log.warn({ error }, 'old artifacts could not be removed'))
        .finally(() => {
          if (!stopped) plan();
        });
    });
  }

  plan();
  return {
    round,
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}

async function letGo({ actor, clock, runDays }: RetentionOptions): Promise<number> {
  if (runDays === 0) return 0;
  const old = endedBefore(actor.state, clock.now().getTime() - runDays * dayMs);
  for (const { id: runId } of old) await actor.post({ kind: 'runDeleted', runId });
  return old.length;
}

async function sweep(
  { actor, artifacts, clock, artifactHours }: RetentionOptions,
  before: ReadonlySet<Digest>,
): Promise<{ readonly removed: number; readonly unneeded: Set<Digest> }> {
  const stored = await artifacts.list();
  const needed = digestsOf(actor.state);
  const unneeded = new Set(stored.filter((digest) => !needed.has(digest)));
  const storedBeforeMs = Math.min(clock.now().getTime() - artifactHours * 3_600_000, oldestOpenAt(actor.state));
  let removed = 0;
  let looked = 0;
  for (const digest of unneeded) {
    if (!before.has(digest)) continue;
    looked += 1;
    if (looked % filesAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
    if (artifacts.removeStale(digest, storedBeforeMs)) removed += 1;
  }
  if (removed > 0) await artifacts.giveRoomBack();
  return { removed, unneeded };
}
