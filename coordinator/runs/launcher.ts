// Carries commands out: one at a time for each key, tracked, not awaited. What came of them goes back as events.
//
// Owns: which commands are under way. Leaves to executors.ts how each is done.
// Invariants: 1. Two commands with one key never run at once. 2. A command ends when its event is posted, when nobody
// wants its outcome, or when the launcher stops; a restart issues it again. 3. A throw in a command is a bug of ours and is logged.

import type { Logger } from '../../shared/log.ts';
import type { Command } from '../core/command.ts';
import { commandKey } from '../core/command.ts';

/** How one kind of command is carried out. The signal aborts when the coordinator stops or the command is void. */
export type Executors = {
  readonly [Kind in Command['kind']]: (command: Extract<Command, { kind: Kind }>, signal: AbortSignal) => Promise<void>;
};

export interface Launcher {
  launch(command: Command): void;
  /** Commands under way. */
  size(): number;
  /** Aborts all and waits for their ends. */
  stop(): Promise<void>;
}

export function newLauncher(executors: () => Executors, log: Logger): Launcher {
  const running = new Map<string, { readonly controller: AbortController; readonly done: Promise<void> }>();
  let stopped = false;
  const execute = async (command: Command, key: string, signal: AbortSignal): Promise<void> => {
    try {
      // The union is taken apart by its own tag; TypeScript cannot see that key and argument belong together.
      const executor = executors()[command.kind] as (command: Command, signal: AbortSignal) => Promise<void>;
      await executor(command, signal);
    } catch (error) {
      if (!signal.aborted) log.error({ error, command: key }, 'a command failed in an unforeseen way');
    } finally {
      running.delete(key);
    }
  };
  return {
    launch(command) {
      const key = commandKey(command);
      if (stopped || running.has(key)) return;
      if (command.kind === 'cancelAttempt') {
        running.get(`startAttempt:${command.attemptId}:${command.epoch}`)?.controller.abort();
      }
      const controller = new AbortController();
      running.set(key, { controller, done: execute(command, key, controller.signal) });
    },
    size: () => running.size,
    async stop() {
      stopped = true;
      const all = [...running.values()];
      for (const { controller } of all) controller.abort();
      await Promise.all(all.map(({ done }) => done));
    },
  };
}
