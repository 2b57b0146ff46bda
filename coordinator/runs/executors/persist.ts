// What all executors share: their ports, and to go on as long as somebody wants the outcome.

import type { Clock } from '../../../shared/clock.ts';
import type { Logger } from '../../../shared/log.ts';
import type { ArtifactDirectory } from '../../../shared/store/artifacts.ts';
import type { Command } from '../../core/command.ts';
import { isWanted } from '../../core/outstanding.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import type { Evaluator } from '../../rpc/evaluator.ts';
import type { Gateway } from '../../rpc/gateway.ts';
import { type Judgement, judgeByCode, type Retried, retry } from '../retry.ts';
import type { SearchActor } from '../search-actor.ts';

export interface ExecutorOptions {
  readonly actor: SearchActor;
  readonly fleet: Fleet;
  readonly evaluator: Evaluator;
  readonly gateway: Gateway;
  readonly artifacts: Pick<ArtifactDirectory, 'size' | 'stream' | 'put'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseTtlMs: number;
  /** In [0, 1); spreads retries. */
  readonly random: () => number;
}

export type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>;

/** What an agent streams at most; also the size of pieces sent to the evaluator. */
export const chunkBytes = 1_048_576;

/** `retry` for a command: wanted as long as the state says so, with a warning now and then. */
export function persist<Value>(
  { actor, clock, log, random }: ExecutorOptions,
  command: Command,
  signal: AbortSignal,
  work: () => Promise<Value>,
  judge: (error: unknown) => Judgement = judgeByCode,
): Promise<Retried<Value>> {
  const onRetry = (error: unknown, count: number): void => {
    // The first few are everyday life; then one line for each doubling, so that a long outage does not flood the log.
    if (count >= 3 && Number.isInteger(Math.log2(count + 1))) {
      log.warn({ error, kind: command.kind, runId: command.runId, tries: count + 1 }, 'a command is tried again');
    }
  };
  return retry({ work, isWanted: () => isWanted(actor.state, command), clock, random, signal, onRetry, judge });
}
