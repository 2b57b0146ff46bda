// Why a submission was refused. The list is closed and no entry depends on a label.

export type RefusalKind =
  | 'empty'
  | 'tooLarge'
  | 'notText'
  | 'malformedCsv'
  | 'wrongColumns'
  | 'duplicateId'
  | 'unknownId'
  | 'missingId'
  | 'invalidValue'
  | 'outOfRange'
  | 'digestMismatch'
  | 'queryBudget';

export interface Refusal {
  readonly kind: RefusalKind;
  /** One plain sentence, with the row or column where there is one. */
  readonly message: string;
  /** The line of the file, from 1; 0 where it is not about one. */
  readonly line: number;
}

/** A refusal. */
export function refusal(kind: RefusalKind, message: string, line = 0): Refusal {
  return { kind, message, line };
}

/** What was read, fit for a message: quoted, escaped and cut to 40 characters. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
