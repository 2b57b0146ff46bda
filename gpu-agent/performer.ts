// How one attempt gets things done: its room and its work behind one small port, so that the actor knows neither.
//
// Implementations: `openPerformers` below (sandboxes, model, artifacts) and the simulator's.

import { AttemptRoom } from './attempt-room.ts';
import { type OutsideCommand, perform } from './attempt-work.ts';
import { computing } from './core/slot-lock.ts';
import type { TrajectoryEvent } from './core/trajectory-event.ts';
import { engineRecovers } from './sandbox/engine-recovers.ts';
import { performTraced } from './trajectory-trace.ts';
import type { OutsidePorts, PerformerOptions, Work } from './work.ts';

/** Carries out what one trajectory asks for. */
export interface Performer {
  /** Gives the event that the command came to; rejects where the host fails, or with the signal's reason. */
  perform(command: OutsideCommand, signal: AbortSignal): Promise<TrajectoryEvent>;
  /**
   * Whether what failed so may be done again, as after a restart of the daemon: the engine, or the way to it, was away. Resolves when it answers
   * again; rejects where that takes too long, or with the signal's reason.
   */
  recovers(error: unknown, signal: AbortSignal): Promise<boolean>;
  /** Takes up the sandbox of an earlier daemon; rejects where that fails, or with the signal's reason while others have the slot. */
  adopt(containerId: string, signal: AbortSignal): Promise<void>;
  /** For good: also what is being made meanwhile. */
  removeSandboxes(): Promise<void>;
  removeStaging(): Promise<void>;
}

export type OpenPerformer = (options: PerformerOptions) => Performer;

/** Performers over real sandboxes, the gateway and the artifact store. */
export function openPerformers(ports: OutsidePorts): OpenPerformer {
  return (options) => {
    const { order, device, slot } = options;
    const { engine, clock } = ports;
    const room = new AttemptRoom({ order, ...ports, ...(device === undefined ? {} : { device }) });
    const work: Work = { ...ports, ...options, room };
    return {
      perform: (command, signal) => performTraced(command, work, () => perform(command, work, signal)),
      recovers: (error, signal) => engineRecovers(error, { engine, clock, signal }),
      async adopt(containerId, signal) {
        room.mayHoldStrays();
        const askedMs = clock.monotonicMs();
        // What it did for the daemon before may compute until it is taken up.
        const release = await slot.acquire('cleanSlate', signal);
        options.time.exclude((clock.monotonicMs() - askedMs) / 1000);
        await computing(slot, release, room.settling(signal), () => room.adopt(containerId));
      },
      removeSandboxes: () => room.removeSandboxes(),
      removeStaging: () => room.removeStaging(),
    };
  };
}
