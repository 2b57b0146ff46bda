// What is known of a scored candidate before it may become a parent.

export interface SolutionFile {
  readonly path: string;
  /** Absent where the file is no text. */
  readonly text?: string;
  readonly bytes: number;
}

export interface Evidence {
  readonly files: readonly SolutionFile[];
  /** Why not all of the solution could be looked at; absent where it was. */
  readonly unexamined?: string;
  /** What the clean-slate run printed. */
  readonly log: string;
  /** First column of the submission. */
  readonly ids: readonly string[];
  /** Its second column, as text. */
  readonly predictions: readonly string[];
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly score: { readonly value: number; readonly standardError: number };
  /** The run's population: how many have a score, and the best of them; absent where there is none. */
  readonly peers: { readonly count: number; readonly best?: number };
}

export type SuspicionKind =
  | 'implausible score'
  | 'copied predictions'
  | 'hard-coded answers'
  | 'reads what is not its own'
  | 'hidden code'
  | 'report far from the score'
  | 'cannot be examined';

export interface Suspicion {
  readonly kind: SuspicionKind;
  /** What was seen, for a person; never longer than a line. */
  readonly evidence: string;
}
