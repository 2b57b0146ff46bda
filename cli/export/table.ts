// A run as rows: one candidate a line, for spreadsheets and data frames (CSV) or for programs (JSON lines).

import type { Candidate, Run } from '../core/model.ts';

export interface Exported {
  readonly run: Run;
  readonly candidates: readonly Candidate[];
}

/** Columns in their order; new ones are added at the end, so that what reads them goes on working. */
const columns: readonly (readonly [name: string, value: (candidate: Candidate, data: Exported) => unknown])[] = [
  ['run_id', (_, { run }) => run.runId],
  ['task', (_, { run }) => run.task],
  ['metric', (_, { run }) => run.taskInfo?.metric],
  ['lower_is_better', (_, { run }) => run.taskInfo?.lowerIsBetter],
  ['candidate_id', (candidate) => candidate.candidateId],
  ['number', (candidate) => candidate.number],
  ['operator', (candidate) => candidate.operator],
  ['parent_ids', (candidate) => candidate.parentIds.join(' ')],
  ['state', (candidate) => candidate.state],
  ['search_score', (candidate) => candidate.searchScore],
  ['search_standard_error', (candidate) => (candidate.searchScore === null ? null : candidate.standardError)],
  ['validation_score', (candidate, data) => finalist(candidate, data)?.validationScore],
  ['test_score', (candidate, data) => finalist(candidate, data)?.testScore],
  ['is_winner', (candidate, { run }) => (run.verdict === null ? null : run.verdict.winnerId === candidate.candidateId)],
  ['failure_reason', (candidate) => candidate.failureReason],
  ['host', (candidate) => candidate.host],
  ['slot', (candidate) => candidate.slotId],
  ['planned_at', (candidate) => candidate.plannedAt],
  ['started_at', (candidate) => candidate.startedAt],
  ['ended_at', (candidate) => candidate.endedAt],
  ['run_seconds', (candidate) => candidate.runSeconds],
  ['slot_seconds', (candidate) => candidate.usage.slotSeconds],
  ['turns', (candidate) => candidate.usage.turns],
  ['input_tokens', (candidate) => candidate.usage.inputTokens],
  ['output_tokens', (candidate) => candidate.usage.outputTokens],
  ['dollars', (candidate) => candidate.usage.dollars],
  ['note', (candidate) => candidate.note],
  ['solution_digest', (candidate) => candidate.artifacts.solutionDigest],
];

export function finalist(candidate: Candidate, { run }: Exported) {
  return run.verdict?.finalists.find((one) => one.candidateId === candidate.candidateId);
}

/** RFC 4180, with a header; what would be a formula in a spreadsheet is a text there. */
export function toCsv(data: Exported): string {
  const rows = data.candidates.map((candidate) =>
    columns.map(([, value]) => csvCell(value(candidate, data))).join(','),
  );
  return `${[columns.map(([name]) => name).join(','), ...rows].join('\r\n')}\r\n`;
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  // Notes are written by models: a spreadsheet would run `=HYPERLINK(…)`.
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One object a line: the run first, then each candidate, whole, with the fields that `-o json` has. */
export function toJsonLines(data: Exported): string {
  const lines = [
    { kind: 'run', ...data.run },
    ...data.candidates.map((candidate) => ({
      kind: 'candidate',
      ...candidate,
      validationScore: finalist(candidate, data)?.validationScore ?? null,
      testScore: finalist(candidate, data)?.testScore ?? null,
    })),
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
