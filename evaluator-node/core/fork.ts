// What a fork is asked for.

export interface ForkRequest {
  readonly runId: string;
  readonly fromRunId: string;
  /** Scored candidates of the run that is forked, each under its id in the new one. */
  readonly candidates: readonly { readonly candidateId: string; readonly fromCandidateId: string }[];
  /** Who asked, for the ledger. */
  readonly caller: string;
}
