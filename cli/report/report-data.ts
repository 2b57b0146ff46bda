// Everything that a report is made of. The report is a pure function of it.

import type { Candidate, Run } from '../core/model.ts';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export interface ReportData {
  readonly run: Run;
  readonly candidates: readonly Candidate[];
  /** The winner's solution, main.py first; empty where there is no winner. */
  readonly winnerFiles: readonly SourceFile[];
  /** Models that answered, as the transcripts name them. */
  readonly models: readonly string[];
  /** ISO 8601. */
  readonly generatedAt: string;
  readonly version: string;
}

/** The name under which the gateway's rule-based policy answers. */
const offlinePolicyName = 'offline-policy';

/** True where no language model took part. */
export function isOffline(data: Pick<ReportData, 'models'>): boolean {
  return data.models.length > 0 && data.models.every((model) => model === offlinePolicyName);
}
