// The outcome of a run, as the evaluator keeps it and reveals it at the seal.

/** A number, or null where there is none: what JSON can hold. */
export type Score = number | null;

interface Finalist {
  readonly candidateId: string;
  readonly searchScore: number;
  readonly validationScore: Score;
  readonly validationStandardError: number;
  readonly probabilityBest: number;
  readonly testScore?: number;
}

/** A finalist's share of an ensemble. */
export interface EnsembleMember {
  readonly candidateId: string;
  readonly weight: number;
}

/** Finalists put together, as the validation rows judged them. */
interface EnsembleVerdict {
  /** The largest share first. */
  readonly members: readonly EnsembleMember[];
  /** How predictions are put together, in words. */
  readonly rule: string;
  readonly searchScore: number;
  readonly validationScore: number;
  readonly validationStandardError: number;
  readonly probabilityBetter: number;
  readonly selected: boolean;
  readonly testScore?: number;
}

/** The outcome of a run, as it is kept. */
export interface Verdict {
  readonly runId: string;
  /** The best single finalist; empty where no candidate was valid. */
  readonly winnerId: string;
  readonly finalists: readonly Finalist[];
  /** What is handed in is worth this, without the luck of having been chosen; the interval is about it. */
  readonly finalScore?: number;
  readonly ensemble?: EnsembleVerdict;
  /** Who would have won by search score alone; absent in verdicts of older versions. */
  readonly searchWinnerId?: string;
  readonly searchWinnerValidationScore?: Score;
  readonly intervalLow: Score;
  readonly intervalHigh: Score;
  readonly baselineName: string;
  readonly baselineSearchScore: Score;
  readonly baselineValidationScore: Score;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly validationRows: number;
  readonly hasFinalSubmission: boolean;
  /** What a reader must know beside the numbers, each a sentence without a full stop; absent where there is nothing. */
  readonly notes?: readonly string[];
  /** Hash of the ledger's record of the seal. */
  readonly ledgerHead: string;
}

/** Whose predictions are handed in, with their weights. */
export function handedIn({ winnerId, ensemble }: Verdict): readonly EnsembleMember[] {
  return ensemble?.selected === true ? ensemble.members : [{ candidateId: winnerId, weight: 1 }];
}

/** What a seal is asked for. */
export interface SealRequest {
  readonly runId: string;
  /** A name, or `name@version`. */
  readonly task: string;
  /** Best search score first. */
  readonly candidateIds: readonly string[];
  /** Who asked, for the ledger. */
  readonly caller: string;
}

/** The submission of a sealed run's last execution, as announced. */
export interface RefitSubmission {
  readonly runId: string;
  /** Whose program was executed; empty for the winner. */
  readonly candidateId: string;
  readonly digest: string;
  readonly bytes: number;
  readonly caller: string;
}
