// What operators' tools may count on in every service: lists come in pages, whatever makes something may be sent twice, and streams
// go on where they were cut. Read from the descriptors, so that a new method cannot forget it.

import { expect, test } from 'vitest';
import { present } from '../core/assert.ts';
import { descriptorSet } from './definitions.ts';
import type { FieldDescriptor, MessageDescriptor, MethodDescriptor } from './descriptor-set.ts';

interface Method extends MethodDescriptor {
  /** Such as `SearchService/ListRuns`, with the package's role before it. */
  readonly path: string;
  readonly request: ReadonlyMap<string, FieldDescriptor>;
  readonly response: ReadonlyMap<string, FieldDescriptor>;
}

const messages: ReadonlyMap<string, MessageDescriptor> = new Map(
  descriptorSet().files.flatMap((file) =>
    (file.messageType ?? []).map((message) => [`.${file.package}.${message.name}`, message] as const),
  ),
);
const fieldsOf = (type: string): Map<string, FieldDescriptor> =>
  new Map((present(messages.get(type), type).field ?? []).map((field) => [field.name, field]));
const methods: readonly Method[] = descriptorSet().files.flatMap((file) =>
  (file.service ?? []).flatMap((service) =>
    (service.method ?? []).map((method) => ({
      ...method,
      path: `${file.package?.split('.')[1]} ${service.name}/${method.name}`,
      request: fieldsOf(method.inputType),
      response: fieldsOf(method.outputType),
    })),
  ),
);

/** google.protobuf.FieldDescriptorProto: repeated, and three types. */
const [repeated, int32, text, bytes] = [3, 5, 9, 12];

test('every list comes in pages', () => {
  const lists = methods.filter(
    ({ name, serverStreaming, response }) =>
      name.startsWith('List') ||
      (serverStreaming !== true &&
        name.startsWith('Get') &&
        [...response.values()].some(({ label }) => label === repeated)),
  );
  expect(lists.length).toBeGreaterThan(6);
  for (const { path, request, response } of lists) {
    expect(request.get('pageSize')?.type, path).toBe(int32);
    expect(request.get('pageToken')?.type, path).toBe(text);
    expect(response.get('nextPageToken')?.type, path).toBe(text);
  }
});

/**
 * What a method that makes something is recognised by when it is sent once more: an id that the caller chose. An attempt is one under
 * its epoch, a run is the coordinator's where it asks others, content is its own digest.
 */
const keys: Readonly<Record<string, readonly string[]>> = {
  'coordinator SearchService/CreateRun': ['requestId'],
  'coordinator SearchService/ForkRun': ['requestId'],
  // The same words as the last ones are no new ones.
  'coordinator SearchService/SteerRun': ['runId', 'guidance'],
  'gateway LlmService/Complete': ['requestId'],
  'gateway LlmService/OpenAttempt': ['attempt'],
  'agent AgentService/StartAttempt': ['attempt'],
  'coordinator AttemptService/ScoreSubmission': ['attempt', 'submissionDigest'],
  'evaluator EvaluatorService/ForkRun': ['runId'],
  'evaluator EvaluatorService/SealRun': ['runId'],
  'evaluator EvaluatorService/Evaluate': ['candidate', 'submissionDigest'],
  'evaluator EvaluatorService/SubmitRefit': ['runId', 'submissionDigest'],
  'coordinator ArtifactService/PutArtifact': ['digest'],
  'coordinator ArtifactService/PutSmallArtifacts': ['artifacts'],
};
/** These look, or set something to what the caller says: twice is once. */
const harmless =
  /^(List|Get|Describe|Watch|Check|Pause|Resume|Extend|Cancel|Kill|Delete|Release|Close|Cordon|Uncordon|Drain|Renew|Confirm)/;

test('whatever makes something has an id of the caller, by which a repeat is recognised', () => {
  const makers = methods.filter(({ name }) => !harmless.test(name));
  expect(new Set(makers.map(({ path }) => path))).toEqual(new Set(Object.keys(keys)));
  for (const { path, request } of makers) {
    // The first message of an upload is a header.
    const header = request.get('header')?.typeName;
    const fields = header === undefined ? request : fieldsOf(header);
    for (const key of present(keys[path], path)) expect(fields.has(key), `${path}: ${key}`).toBe(true);
  }
});

test('every stream that tells what happens goes on after a number; the others are files', () => {
  const streams = methods.filter(({ serverStreaming }) => serverStreaming === true);
  const positions: Readonly<Record<string, string>> = { afterSequence: 'sequence', fromEntry: 'entry' };
  expect(streams.filter(({ name }) => name.startsWith('Watch')).length).toBeGreaterThan(2);
  for (const { path, name, request, response } of streams) {
    const position = Object.keys(positions).find((field) => request.has(field));
    if (name.startsWith('Watch')) expect(response.has(positions[position ?? ''] ?? ''), path).toBe(true);
    else
      expect(
        [...response.values()].map((field) => [field.name, field.type]),
        path,
      ).toEqual([['chunk', bytes]]);
  }
});
