// Columns that are given back before a collection would find them.

/**
 * Gives the memory of an array back at once; it and all that share it are empty from then on. V8 counts such memory loosely and
 * collects it after tens of megabytes, so columns of a million rows would pile up to several times what is in use.
 */
export function release({ buffer }: Float64Array | Uint32Array | Uint8Array): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}
