// Messages of the protocol as JSON: enums by name, timestamps as RFC 3339, whatever is unset left out. It is what protobuf's
// own JSON mapping gives, so that the HTTP API and the gRPC API are one contract.

/** The text of a message. */
export function toJson(message: unknown): string {
  return JSON.stringify(message, (_key, value: unknown) => (isTimestamp(value) ? rfc3339(value) : value));
}

interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

function isTimestamp(value: unknown): value is Timestamp {
  if (typeof value !== 'object' || value === null || !('seconds' in value) || !('nanos' in value)) return false;
  return Object.keys(value).length === 2;
}

function rfc3339({ seconds, nanos }: Timestamp): string {
  return new Date(seconds * 1000 + Math.floor(nanos / 1_000_000)).toISOString();
}
