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
  | (OfAttempt & { readonly kind: 'submitRefit'; readonly submission: Digest })
  | {
      readonly kind: 'sealRun';
      readonly runId: RunId;
      readonly task: string;
      readonly finalists: readonly AttemptId[];
    };

/** Equal for the same deed, so that it is not done twice at once. */
export function commandKey(command: Command): string {
  return command.kind === 'sealRun'
    ? `sealRun:${command.runId}`
    : `${command.kind}:${command.attemptId}:${command.epoch}`;
}
