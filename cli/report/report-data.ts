// Everything that a report is made of. The report is a pure function of it.

import type { Candidate, Run } from '../core/model.ts';

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What transcripts tell of the models. */
export interface ModelsSeen {
  /** Models that answered, as the transcripts name them. */
  readonly models: readonly string[];
  readonly transcriptsRead: number;
  /** That there are. */
  readonly transcripts: number;
}

export interface ReportData extends ModelsSeen {
  readonly run: Run;
  readonly candidates: readonly Candidate[];
  /** The winner's solution, main.py first; empty where there is no winner. */
  readonly winnerFiles: readonly SourceFile[];
  /** ISO 8601. */
  readonly generatedAt: string;
  readonly version: string;
}

/** The name under which the gateway's rule-based policy answers. */
const offlinePolicyName = 'offline-policy';

/** True where no language model answered in the transcripts that were read. */
export function isOffline(data: Pick<ModelsSeen, 'models'>): boolean {
  return data.models.length > 0 && data.models.every((model) => model === offlinePolicyName);
}
