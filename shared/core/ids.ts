// Identifiers as branded strings, so that a run's id cannot be passed where an attempt's is meant.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type RunId = Branded<'RunId'>;
/** Also the id of the candidate that the attempt produces. */
export type AttemptId = Branded<'AttemptId'>;
export type HostName = Branded<'HostName'>;
/** `cpu-0`, or the UUID of a GPU or MIG instance. */
export type SlotId = Branded<'SlotId'>;
/** SHA-256 in lower-case hex. */
export type Digest = Branded<'Digest'>;

/** Ids travel in subjects, labels and file names, so they keep to one safe alphabet. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const digestPattern = /^[0-9a-f]{64}$/;

/** True where the text may serve as a run, attempt, host or slot id. */
export function isId(text: string): boolean {
  return idPattern.test(text);
}

/** True where the text is a SHA-256 in lower-case hex. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

function checked<Id extends string>(kind: string, text: string): Id {
  if (!isId(text)) throw new RangeError(`not a valid ${kind}: ${JSON.stringify(text.slice(0, 140))}`);
  return text as Id;
}

export const runId = (text: string): RunId => checked('run id', text);
export const attemptId = (text: string): AttemptId => checked('attempt id', text);
export const hostName = (text: string): HostName => checked('host name', text);
export const slotId = (text: string): SlotId => checked('slot id', text);

export function digest(text: string): Digest {
  if (!isDigest(text)) throw new RangeError(`not a SHA-256 digest: ${JSON.stringify(text.slice(0, 80))}`);
  return text as Digest;
}
