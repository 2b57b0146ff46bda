// The few pieces of the protobuf wire format that are needed without a loader: for descriptors and for error details.

/** A length-delimited field: bytes, text or a serialized message. */
export function bytesField(number: number, value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value as Uint8Array);
  return Buffer.concat([varintBytes(number * 8 + 2), varintBytes(bytes.length), bytes]);
}

/** A field with a whole number from 0 up. */
export function numberField(number: number, value: number): Buffer {
  return Buffer.concat([varintBytes(number * 8), varintBytes(value)]);
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

/** The fields of a serialized message, in order; only the wire types that are needed here. */
export function* wireFields(bytes: Buffer): Generator<{ number: number; value: Buffer | number }> {
  let offset = 0;
  const varint = (): number => {
    let result = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[offset++];
      if (byte === undefined) throw new RangeError('a serialized message is cut off');
      result += (byte & 127) * scale;
      if (byte < 128) return result;
    }
  };
  while (offset < bytes.length) {
    const key = varint();
    const [number, wireType] = [Math.floor(key / 8), key % 8];
    if (wireType === 0) {
      yield { number, value: varint() };
    } else if (wireType === 2) {
      const length = varint();
      if (offset + length > bytes.length) throw new RangeError('a serialized message is cut off');
      yield { number, value: bytes.subarray(offset, offset + length) };
      offset += length;
    } else {
      throw new RangeError(`no message here has fields of wire type ${wireType}`);
    }
  }
}
