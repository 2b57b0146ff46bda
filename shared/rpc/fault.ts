// One coded error at every gRPC edge: a code, a plain sentence and ids. Both sides of a call use it.
// It travels as google.rpc.Status with ErrorInfo and BadRequest in the trailer `grpc-status-details-bin`, which every gRPC
// tool understands. A fault without that trailer was made by the transport, not by the peer's handler.

import { Metadata, type StatusObject } from '@grpc/grpc-js';
import { bytesField, numberField, wireFields } from './wire-format.ts';

/** In the order of gRPC's numbers, from 1. */
const codes = [
  'cancelled',
  'unknown',
  'invalidArgument',
  'deadlineExceeded',
  'notFound',
  'alreadyExists',
  'permissionDenied',
  'resourceExhausted',
  'failedPrecondition',
  'aborted',
  'outOfRange',
  'unimplemented',
  'internal',
  'unavailable',
  'dataLoss',
  'unauthenticated',
] as const;
export type FaultCode = (typeof codes)[number];

export interface FieldViolation {
  /** Path of the field in camel case, such as `options.seed`. */
  readonly field: string;
  readonly description: string;
}

export interface FaultDetails {
  /** Machine-readable kind in camel case, such as `staleEpoch`; stable. */
  readonly reason?: string | undefined;
  /** Ids and numbers that go with it. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** What is wrong with which field of the request. */
  readonly violations?: readonly FieldViolation[] | undefined;
  readonly cause?: unknown;
}

/** A refused or failed call. The message is for people and never holds a label, a key or a stack trace. */
export class RpcFault extends Error {
  override readonly name = 'RpcFault';
  readonly code: FaultCode;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason;
    this.metadata = details.metadata ?? {};
    this.violations = details.violations ?? [];
  }
}

const detailsKey = 'grpc-status-details-bin';
const domain = 'doubleblind';
const errorInfoType = 'type.googleapis.com/google.rpc.ErrorInfo';
const badRequestType = 'type.googleapis.com/google.rpc.BadRequest';
const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';
/** Seconds after which it is worth asking again, where it is. */
const retrySeconds: Readonly<Partial<Record<FaultCode, number>>> = { unavailable: 1, resourceExhausted: 5 };
/** Trailers share an 8 KiB header budget with everything else in many proxies and clients. */
const [longestMessage, mostViolations] = [2000, 16];

/** The fault as grpc-js sends it. */
export function faultToStatus(fault: RpcFault): { code: number; details: string; metadata: Metadata } {
  const code = codes.indexOf(fault.code) + 1;
  const details = fault.message.slice(0, longestMessage);
  const metadata = new Metadata();
  metadata.set(detailsKey, encodeStatus(code, details, fault));
  return { code, details, metadata };
}

/** The fault that the peer's handler sent, or undefined where the status comes from the transport. */
export function faultFromStatus(status: Pick<StatusObject, 'code' | 'details' | 'metadata'>): RpcFault | undefined {
  const encoded = status.metadata.get(detailsKey)[0];
  if (!Buffer.isBuffer(encoded)) return undefined;
  return new RpcFault(codeOfNumber(status.code), status.details, decodeDetails(encoded));
}

/** The name of a gRPC status number. */
export function codeOfNumber(number: number): FaultCode {
  return codes[number - 1] ?? 'unknown';
}

function encodeStatus(code: number, message: string, fault: RpcFault): Buffer {
  const entries = Object.entries(fault.metadata).map(([key, value]) =>
    bytesField(3, Buffer.concat([bytesField(1, key), bytesField(2, value)])),
  );
  const errorInfo = Buffer.concat([bytesField(1, fault.reason ?? fault.code), bytesField(2, domain), ...entries]);
  const parts = [numberField(1, code), bytesField(2, message), bytesField(3, any(errorInfoType, errorInfo))];
  const violations = fault.violations
    .slice(0, mostViolations)
    .map(({ field, description }) =>
      bytesField(1, Buffer.concat([bytesField(1, field), bytesField(2, description.slice(0, 200))])),
    );
  if (violations.length > 0) parts.push(bytesField(3, any(badRequestType, Buffer.concat(violations))));
  const delay = retrySeconds[fault.code];
  if (delay !== undefined) parts.push(bytesField(3, any(retryInfoType, bytesField(1, numberField(1, delay)))));
  return Buffer.concat(parts);
}

function any(type: string, value: Buffer): Buffer {
  return Buffer.concat([bytesField(1, type), bytesField(2, value)]);
}

function decodeDetails(encoded: Buffer): FaultDetails {
  let reason: string | undefined;
  const metadata: Record<string, string> = {};
  const violations: FieldViolation[] = [];
  for (const detail of messages(encoded, 3)) {
    const value = messages(detail, 2)[0] ?? Buffer.alloc(0);
    if (text(detail, 1) === errorInfoType) {
      reason = text(value, 1);
      for (const entry of messages(value, 3)) metadata[text(entry, 1)] = text(entry, 2);
    } else if (text(detail, 1) === badRequestType) {
      for (const entry of messages(value, 1)) violations.push({ field: text(entry, 1), description: text(entry, 2) });
    }
  }
  return { reason, metadata, violations };
}

function messages(bytes: Buffer, field: number): Buffer[] {
  return [...wireFields(bytes)].flatMap(({ number, value }) =>
    number === field && typeof value !== 'number' ? [value] : [],
  );
}

function text(bytes: Buffer, field: number): string {
  return messages(bytes, field)[0]?.toString('utf8') ?? '';
}
