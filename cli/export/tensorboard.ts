// A run as a TensorBoard event file: search score and best so far by candidate, validation and test scores of the finalists.
// The format is TFRecord (length, masked CRC-32C of it, bytes, masked CRC-32C of them) round messages of tensorflow/core/util/event.proto.

import { bytesField, numberField } from '../../shared/rpc/wire-format.ts';
import { beats, byEnd } from '../core/history.ts';
import { type Exported, finalist } from './table.ts';

interface Point {
  readonly tag: string;
  readonly step: number;
  readonly value: number;
  /** Seconds since 1970. */
  readonly at: number;
}

/** The bytes of `events.out.tfevents.…`. */
export function toEventFile(data: Exported): Buffer {
  const startedAt = seconds(data.run.createdAt);
  const version = Buffer.concat([doubleField(1, startedAt), bytesField(3, 'brain.Event:2')]);
  return Buffer.concat([record(version), ...points(data).map((point) => record(scalar(point)))]);
}

function points(data: Exported): Point[] {
  const lowerIsBetter = data.run.taskInfo?.lowerIsBetter ?? true;
  let best: number | undefined;
  return byEnd(data.run, data.candidates).flatMap((candidate) => {
    const [step, at, value] = [candidate.number, seconds(candidate.endedAt), candidate.searchScore];
    if (best === undefined || beats(value, best, lowerIsBetter)) best = value;
    const last = finalist(candidate, data);
    return [
      { tag: 'search/score', step, at, value },
      { tag: 'search/best', step, at, value: best },
      { tag: 'cost/slot_seconds', step, at, value: candidate.usage.slotSeconds },
      ...(last === undefined ? [] : [{ tag: 'verdict/validation_score', step, at, value: last.validationScore }]),
      ...(last?.testScore == null ? [] : [{ tag: 'verdict/test_score', step, at, value: last.testScore }]),
    ];
  });
}

function seconds(at: string | null): number {
  return at === null ? 0 : Date.parse(at) / 1000;
}

/** Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }. */
function scalar({ tag, step, value, at }: Point): Buffer {
  const summaryValue = Buffer.concat([bytesField(1, tag), floatField(2, value)]);
  return Buffer.concat([doubleField(1, at), numberField(2, step), bytesField(5, bytesField(1, summaryValue))]);
}

function doubleField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = number * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

function floatField(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(5);
  bytes[0] = number * 8 + 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
}

function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedCrc(length), data, maskedCrc(data)]);
}

function maskedCrc(bytes: Buffer): Buffer {
  const crc = crc32c(bytes);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const out = Buffer.alloc(4);
  out.writeUInt32LE(masked);
  return out;
}

const table = Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0);
  return value >>> 0;
});

/** CRC-32C (Castagnoli), as RFC 3720 has it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
