// google.protobuf.Timestamp ↔ Date.

import type { Timestamp } from '../../proto/generated/google/protobuf.ts';

/** A point in time for the wire; null for none. */
export function timestampFromDate(date: Date | undefined): Timestamp | null {
  if (date === undefined) return null;
  const milliseconds = date.getTime();
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: (milliseconds - seconds * 1000) * 1_000_000 };
}

/** The point in time, to the millisecond; undefined where it is unset. */
export function dateFromTimestamp(timestamp: Timestamp | null | undefined): Date | undefined {
  if (timestamp === null || timestamp === undefined) return undefined;
  return new Date(timestamp.seconds * 1000 + Math.floor(timestamp.nanos / 1_000_000));
}
