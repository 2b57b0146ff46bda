// A host whose container engine is away takes nothing new, and says so with a heartbeat: every start there would fail at once, and be a try of an
// attempt that another host could have done. What is at work waits for it (engine-recovers.ts).

import type { Clock } from '../../shared/clock.ts';
import { messageChain } from '../../shared/log.ts';
import { retrying } from '../retry.ts';
import { type SandboxEngine, SandboxError, SandboxInterrupted } from './sandbox.ts';

const pauses = { baseMs: 100, capMs: 5000 } as const;

export interface EngineWatchOptions {
  readonly engine: Pick<SandboxEngine, 'check'>;
  readonly clock: Clock;
  /** Aborts when the daemon stops. */
  readonly stopping: AbortSignal;
}

export interface EngineWatch {
  /** Something could not be done: where the engine is away, that is known now. */
  note(error: unknown): void;
  /** Why nothing new begins, in a sentence; empty where nothing is against it. */
  trouble(): string;
  /** Called when that has changed for longer than a look at the engine takes. */
  onChange(act: () => void): void;
}

export function watchEngine({ engine, clock, stopping }: EngineWatchOptions): EngineWatch {
  let trouble = '';
  /** One after the other: what fails while an engine answers may be what it fails with next. */
  let looks: Promise<void> = Promise.resolve();
  let changed = (): void => undefined;
  const look = async (): Promise<void> => {
    let isKnown = false;
    await retrying(() => engine.check(), {
      ...{ clock, signal: stopping, ...pauses, random: () => 0.5 },
      patienceMs: Number.POSITIVE_INFINITY,
      mayHelp: () => true,
      onRetry: (error) => {
        trouble = `no sandbox can be made: ${messageChain(error)}`;
        if (!isKnown) changed();
        isKnown = true;
      },
    });
    trouble = '';
    if (isKnown) changed();
  };
  return {
    note(error) {
      if (!(error instanceof SandboxError) || trouble !== '') return;
      // Until it has answered, too: the next start may be here before.
      if (error instanceof SandboxInterrupted) trouble = `no sandbox can be made: ${error.message}`;
      looks = looks.then(look).catch(() => undefined);
    },
    trouble: () => trouble,
    onChange(act) {
      changed = act;
    },
  };
}
