// Doubles as the bytes of a blob.

/** The bytes of doubles, for a blob. */
export function doubleBytes(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Doubles from a blob, copied because a blob may start at any offset. */
export function doublesOf(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.slice().buffer);
}
