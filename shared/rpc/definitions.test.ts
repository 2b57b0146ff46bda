import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Candidate } from '../../proto/generated/doubleblind/coordinator/v1.ts';
import type { EvaluateRequest } from '../../proto/generated/doubleblind/evaluator/v1.ts';
import { descriptorSet, serviceDefinition } from './definitions.ts';
import { camelCase, readDescriptorSet } from './descriptor-set.ts';
import { dateFromTimestamp, timestampFromDate } from './timestamp.ts';

const throughWire = (service: Parameters<typeof serviceDefinition>[0], method: string, message: unknown): unknown => {
  const definition = serviceDefinition(service)[method];
  return definition?.responseDeserialize(definition.responseSerialize(message) as Buffer);
};

test('what is received is what the generated types say: every scalar, null messages, optional fields only where set', () => {
  const sent = { candidate: { candidateId: 'c1', searchScore: 0, parentIds: ['p'], plannedAt: { seconds: 5 } } };
  const { candidate } = throughWire('doubleblind.coordinator.v1.SearchService', 'getCandidate', sent) as {
    candidate: Candidate;
  };
  expect(candidate).toMatchObject({
    candidateId: 'c1',
    runId: '',
    number: 0,
    searchScore: 0,
    operator: 'OPERATOR_UNSPECIFIED',
    parentIds: ['p'],
    usage: null,
    plannedAt: { seconds: 5, nanos: 0 },
    wasBest: false,
  });
  const bare = throughWire('doubleblind.coordinator.v1.SearchService', 'getCandidate', { candidate: {} }) as {
    candidate: Candidate;
  };
  expect(bare.candidate.searchScore).toBeUndefined();
});

test('a oneof says which member is set, and bytes are Buffers', () => {
  const definition = serviceDefinition('doubleblind.evaluator.v1.EvaluatorService')['evaluate'];
  const sent = definition?.requestSerialize({ chunk: new Uint8Array([1, 2]) }) as Buffer;
  const received = definition?.requestDeserialize(sent) as EvaluateRequest;
  expect(received).toEqual({ chunk: Buffer.from([1, 2]), part: 'chunk' });
});

test('whole numbers are exact up to 2^53', () => {
  const run = { run: { lastSequence: 2 ** 53 - 1 } };
  expect(throughWire('doubleblind.coordinator.v1.SearchService', 'getRun', run)).toMatchObject(run);
});

test('a cut descriptor set is refused', () => {
  const bytes = readFileSync(join(import.meta.dirname, '../../proto/generated/api.binpb'));
  expect(() => readDescriptorSet(bytes.subarray(0, bytes.length - 3))).toThrow('cut off');
  expect(Buffer.concat(descriptorSet().originals.map((file) => Buffer.from(file))).length).toBeGreaterThan(50_000);
});

test('names become camel case as protobuf makes them', () => {
  expect(['search_score', '_search_score', 'a', 'x_2_y', 'gpu_hours_'].map(camelCase)).toEqual([
    'searchScore',
    '_searchScore',
    'a',
    'x2Y',
    'gpuHours_',
  ]);
});

test('timestamps survive the way to a date and back', () => {
  for (const date of [new Date('2026-11-25T17:00:00.123Z'), new Date(-1)]) {
    expect(dateFromTimestamp(timestampFromDate(date))).toEqual(date);
  }
  expect(timestampFromDate(undefined)).toBeNull();
  expect(dateFromTimestamp(null)).toBeUndefined();
});
