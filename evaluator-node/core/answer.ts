// A submission and the answer to it.

import type { Refusal } from './refusal.ts';

/** What is announced before the bytes. */
export interface Submission {
  readonly runId: string;
  readonly candidateId: string;
  readonly epoch: number;
  /** The candidates that it descends from, for the budget of its line. */
  readonly parentIds: readonly string[];
  /** A name, or `name@version`. */
  readonly task: string;
  readonly digest: string;
  readonly bytes: number;
  /** A score that an attempt asks for during its work; what was submitted does not become the candidate. */
  readonly exploratory?: boolean;
  /** Who asked, for the ledger. */
  readonly caller: string;
}

export interface Answer {
  readonly outcome: Outcome;
  readonly cached: boolean;
  readonly ledgerSequence: number;
}

/** The recorded answer to one submission. */
export type Outcome =
  | {
      readonly kind: 'score';
      readonly value: number;
      readonly standardError: number;
      readonly feedback: string;
      /** Why it is quarantined; absent where it is not. */
      readonly quarantineReason?: string;
    }
  | { readonly kind: 'refusal'; readonly refusal: Refusal };
