// What can happen, in the past tense. Events are plain data: they are the journal's rows.
//
// Outside events come from operators, agents and the evaluator. Decisions (attemptPlanned, attemptLeased, attemptLost for
// a lost host, runSealing at the end of a budget, hostDrainDue, candidateDuplicated) come from decide.ts. Both are journaled alike, so folding a journal
// never decides anything again, and a later version with another policy still reads it.

import type { AttemptId, Digest, HostName, RunId, SlotId } from '../../shared/core/ids.ts';
import type { Rng } from '../../shared/core/rng.ts';
import type { FailureReason, Operator, Usage } from '../../shared/core/vocabulary.ts';
import type { Budgets, RunOptions } from './options.ts';
import type {
  AttemptArtifacts,
  Duplicate,
  EndReason,
  HostDescription,
  Quotas,
  Score,
  ScoreAnswer,
  SpentBudget,
} from './state.ts';
import type { Task, Verdict } from './task.ts';

/** Where and when an event took its place in the journal; given by the shell. */
interface Stamp {
  readonly sequence: number;
  /** Wall clock in milliseconds since 1970: shown to people, never decided upon. */
  readonly at: number;
  /** Monotonic working time of the coordinator, in milliseconds. */
  readonly clockMs: number;
}

interface OfAttempt {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
}

/** A candidate of another run, as it begins in this one. */
export interface Inherited {
  readonly id: AttemptId;
  readonly from: AttemptId;
  readonly number: number;
  readonly operator: Operator;
  readonly parents: readonly AttemptId[];
  readonly seed: number;
  readonly plannedAt: number;
  readonly endedAt: number | undefined;
  readonly artifacts: AttemptArtifacts;
  readonly codeDigest: Digest | undefined;
  readonly runSeconds: number;
  readonly note: string;
  readonly score: Score;
}

/** What a fork begins with. */
export interface Fork {
  readonly from: RunId;
  readonly candidates: readonly Inherited[];
}

export type RunEvent =
  | {
      readonly kind: 'runCreated';
      readonly runId: RunId;
      readonly requestId: string;
      readonly task: Task;
      readonly options: RunOptions;
      /** Who created it; absent in the journals of versions that did not have it. */
      readonly owner?: string | undefined;
      /** Where it goes on from another run. */
      readonly fork?: Fork | undefined;
    }
  /** New totals of its budgets. */
  | { readonly kind: 'runExtended'; readonly runId: RunId; readonly budgets: Budgets }
  | { readonly kind: 'runPaused'; readonly runId: RunId }
  | { readonly kind: 'runResumed'; readonly runId: RunId }
  /** Guidance was added, for the attempts that run and for those to come. */
  | { readonly kind: 'runSteered'; readonly runId: RunId; readonly guidance: string }
  /** The model's budget is used: no new attempts; what is under way may end, and then the run is sealed. */
  | { readonly kind: 'runBudgetSpent'; readonly runId: RunId; readonly budget: SpentBudget }
  | { readonly kind: 'runSealing'; readonly runId: RunId; readonly endReason: EndReason }
  /** The end at once, with or without a verdict. */
  | { readonly kind: 'runKilled'; readonly runId: RunId; readonly seal: boolean }
  /** Nothing of it is to be kept but its events. */
  | { readonly kind: 'runDeleted'; readonly runId: RunId }
  /** The verdict is there, and the winner is to be refitted before the run is sealed. */
  | {
      readonly kind: 'runJudged';
      readonly runId: RunId;
      readonly verdict: Verdict;
      readonly finalSubmissionDigest?: Digest | undefined;
      readonly bundleDigest: Digest;
    }
  | {
      readonly kind: 'runSealed';
      readonly runId: RunId;
      readonly verdict: Verdict;
      readonly finalSubmissionDigest?: Digest | undefined;
    };

export type HostEvent =
  | { readonly kind: 'hostJoined'; readonly host: HostName; readonly description: HostDescription }
  | { readonly kind: 'hostChanged'; readonly host: HostName; readonly description: HostDescription }
  | { readonly kind: 'hostSuspected'; readonly host: HostName; readonly reason: string }
  | { readonly kind: 'hostRecovered'; readonly host: HostName }
  | { readonly kind: 'hostLost'; readonly host: HostName; readonly reason: string }
  | {
      readonly kind: 'hostCordoned';
      readonly host: HostName;
      readonly reason: string;
      /** Who asked; absent in the journals of versions that did not have it. */
      readonly by?: string | undefined;
    }
  /** No new work from now on; what still runs after so much working time is to be given to others. */
  | {
      readonly kind: 'hostDrainStarted';
      readonly host: HostName;
      readonly reason: string;
      readonly by: string;
      readonly deadlineMs: number;
    }
  | { readonly kind: 'hostDrainDue'; readonly host: HostName }
  | { readonly kind: 'hostUncordoned'; readonly host: HostName }
  /** It was lost long ago: machines of a batch system come under ever new names. One that comes back joins anew. */
  | { readonly kind: 'hostForgotten'; readonly host: HostName };

/** An attempt was planned: the choice of the search, with the generator as it was left. */
export interface AttemptPlanned {
  readonly kind: 'attemptPlanned';
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly number: number;
  readonly operator: Operator;
  readonly parents: readonly AttemptId[];
  readonly seed: number;
  readonly rng: Rng;
}

/** The end of an execution, as its host told it; what it spent on models is the gateway's word (fleet/model-spend.ts). */
export interface AttemptEnded extends OfAttempt {
  readonly kind: 'attemptEnded';
  readonly host: HostName;
  readonly failureReason?: FailureReason | undefined;
  readonly failureMessage?: string | undefined;
  readonly artifacts: AttemptArtifacts;
  /** Of the normalised program; absent in the journals and from the hosts of versions that did not have it. */
  readonly codeDigest?: Digest | undefined;
  readonly usage: Usage;
  readonly runSeconds: number;
  readonly note: string;
  /** The gateway has closed the account, or there is none; absent where it is still to be closed. */
  readonly accountClosed?: true | undefined;
  readonly drained?: Drained;
}

/** Its host was being emptied, or could not begin it, which says nothing about the attempt; absent in the journals of versions that counted it as a try. */
type Drained = true | undefined;

export type AttemptEvent =
  | AttemptPlanned
  | (OfAttempt & { readonly kind: 'attemptLeased'; readonly host: HostName; readonly slotId: SlotId })
  | (OfAttempt & { readonly kind: 'attemptStarted'; readonly host: HostName })
  | AttemptEnded
  | (OfAttempt & {
      readonly kind: 'attemptLost';
      readonly host: HostName;
      readonly message: string;
      readonly drained?: Drained;
    })
  /** A score for a submission of an attempt that goes on; journaled before the evaluator is asked (queries.ts). */
  | (OfAttempt & { readonly kind: 'scoreAsked'; readonly host: HostName; readonly submission: Digest })
  | (OfAttempt & { readonly kind: 'scoreTold'; readonly submission: Digest; readonly answer: ScoreAnswer })
  | (OfAttempt & { readonly kind: 'candidateScored'; readonly score: Score })
  /** It repeats a scored candidate of its run: it takes that one's score and is no parent. */
  | (OfAttempt & {
      readonly kind: 'candidateDuplicated';
      readonly duplicateOf: AttemptId;
      readonly by: Duplicate['by'];
    })
  /** A person lets one go on that was held back. */
  | (OfAttempt & { readonly kind: 'candidateReleased'; readonly by: string; readonly reason: string })
  | (OfAttempt & { readonly kind: 'candidateRefitted'; readonly finalSubmissionDigest: Digest })
  | (OfAttempt & {
      readonly kind: 'candidateRefused';
      readonly failureReason: 'badSubmission' | 'infrastructure' | 'cancelled';
      readonly message: string;
    });

/** Anything that happens. `clockTicked` only carries its stamp. */
export type Event =
  | RunEvent
  | HostEvent
  | AttemptEvent
  /** As the configuration has them from now on. */
  | { readonly kind: 'quotasSet'; readonly quotas: Quotas }
  | { readonly kind: 'clockTicked' };

/** An event in its place. */
export type StampedEvent = Event & Stamp;

/** The run that an event is about. */
export function runOf(event: Event): RunId | undefined {
  return 'runId' in event ? event.runId : undefined;
}
