// After a restart: what the engine holds, what the book says, and what becomes of each.
//
// Owns: which container is taken up again, which is an orphan, which attempt goes on and how.
// Leaves to agent.ts: listing, removing, adopting; the coordinator decides by renewing or cancelling what was resumed.
// Invariants: 1. every container is either adopted or removed; 2. none is adopted twice; 3. only the newest epoch of an
// attempt that has not ended is resumed; 4. the clean-slate run starts anew in a fresh sandbox, so its old one goes.

/** A container as its labels tell. */
export interface FoundContainer {
  readonly containerId: string;
  readonly attemptId: string;
  readonly epoch: number;
  readonly purpose: 'explore' | 'cleanSlate';
  readonly running: boolean;
}

/** An attempt as the book tells. */
export interface BookedAttempt {
  readonly attemptId: string;
  readonly epoch: number;
  readonly ended: boolean;
  /** True from the first message until the solution is taken: then the sandbox holds work that exists nowhere else. */
  readonly needsSandbox: boolean;
}

export interface Resumption {
  readonly attemptId: string;
  readonly epoch: number;
  /** The sandbox to take up again. */
  readonly containerId: string | null;
  /** True where it needed one and there is none: it can only end as a failure of the host. */
  readonly sandboxLost: boolean;
}

export interface Reconciliation {
  readonly remove: readonly string[];
  readonly resume: readonly Resumption[];
}

/** Daemons that may end, one after the other, with an attempt that got nowhere, before it is held to be the cause. */
export const mostAdoptions = 5;

/** How often an attempt was taken up again since it last got any further. */
export function adoptionsInVain(transcript: readonly { readonly kind: string }[]): number {
  // What is told to it is nothing that it came to.
  const cameTo = transcript.findLastIndex(({ kind }) => kind !== 'resumed' && kind !== 'guided');
  return transcript.slice(cameTo + 1).filter(({ kind }) => kind === 'resumed').length;
}

/** What is to be done with containers and attempts. */
export function reconcile(containers: readonly FoundContainer[], attempts: readonly BookedAttempt[]): Reconciliation {
  const newest = new Map<string, BookedAttempt>();
  for (const attempt of attempts) {
    const known = newest.get(attempt.attemptId);
    if (known === undefined || attempt.epoch > known.epoch) newest.set(attempt.attemptId, attempt);
  }
  const adopted = new Map<string, string>();
  const remove: string[] = [];
  for (const container of containers) {
    const attempt = newest.get(container.attemptId);
    const wanted =
      attempt !== undefined &&
      !attempt.ended &&
      attempt.needsSandbox &&
      attempt.epoch === container.epoch &&
      container.purpose === 'explore' &&
      container.running &&
      !adopted.has(container.attemptId);
    if (wanted) adopted.set(container.attemptId, container.containerId);
    else remove.push(container.containerId);
  }
  const resume = [...newest.values()]
    .filter((attempt) => !attempt.ended)
    .map((attempt): Resumption => {
      const containerId = adopted.get(attempt.attemptId) ?? null;
      const { attemptId, epoch } = attempt;
      return { attemptId, epoch, containerId, sandboxLost: attempt.needsSandbox && containerId === null };
    });
  return { remove, resume };
}
