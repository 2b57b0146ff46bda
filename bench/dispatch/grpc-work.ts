// The wire of the raw gRPC dispatcher: one stream to each worker, a JSON text a message, no TLS.

import type { ServiceDefinition } from '@grpc/grpc-js';

export interface JobOrder {
  readonly job: number;
  readonly durationMs: number;
}

const toBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const toValue = (bytes: Buffer): unknown => JSON.parse(bytes.toString('utf8'));

/** Orders go one way, the numbers of jobs that have ended the other. */
export const workService: ServiceDefinition = {
  work: {
    path: '/doubleblind.bench.Worker/Work',
    requestStream: true,
    responseStream: true,
    requestSerialize: toBytes,
    requestDeserialize: toValue,
    responseSerialize: toBytes,
    responseDeserialize: toValue,
  },
};
