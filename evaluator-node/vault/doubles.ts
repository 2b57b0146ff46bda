// Doubles as the bytes of a blob.

/** The bytes of doubles, for a blob. */
export function doubleBytes(values: Float64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Doubles from a blob: the same memory, unless it starts where no double may. */
export function doublesOf(bytes: Uint8Array): Float64Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (byteOffset % Float64Array.BYTES_PER_ELEMENT !== 0) return new Float64Array(bytes.slice().buffer);
  return new Float64Array(buffer, byteOffset, byteLength / Float64Array.BYTES_PER_ELEMENT);
}
