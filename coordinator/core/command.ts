// What the shell is to do, in the imperative. Each command is idempotent by its key; its outcome comes back as an event.

import type { AttemptId, Digest, HostName, RunId, SlotId } from '../../shared/core/ids.ts';

interface OfAttempt {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
}

export type Command =
  | (OfAttempt & { readonly kind: 'startAttempt'; readonly host: HostName; readonly slotId: SlotId })
  | (OfAttempt & { readonly kind: 'cancelAttempt'; readonly host: HostName; readonly reason: string })
  /** Closes the gateway's account of an execution that is over; nothing depends on its outcome. */
  | (OfAttempt & { readonly kind: 'closeAccount' })
  | (OfAttempt & { readonly kind: 'evaluate'; readonly task: string; readonly submission: Digest })
  | (OfAttempt & { readonly kind: 'submitRefit'; readonly candidateId: AttemptId; readonly submission: Digest })
  /** Has a host told at once what was added to a run's guidance; its next renewal would tell it anyway. */
  | { readonly kind: 'tellGuidance'; readonly runId: RunId; readonly host: HostName; readonly number: number }
  | {
      readonly kind: 'sealRun';
      readonly runId: RunId;
      readonly task: string;
      readonly finalists: readonly AttemptId[];
    };

/** Equal for the same deed, so that it is not done twice at once. */
export function commandKey(command: Command): string {
  if (command.kind === 'sealRun') return `sealRun:${command.runId}`;
  if (command.kind === 'tellGuidance') return `tellGuidance:${command.runId}:${command.host}:${command.number}`;
  return `${command.kind}:${command.attemptId}:${command.epoch}`;
}
