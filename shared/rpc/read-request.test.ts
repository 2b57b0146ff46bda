import { expect, test } from 'vitest';
import { z } from 'zod';
import { RpcFault } from './fault.ts';
import { fieldName, readRequest } from './read-request.ts';

const schema = z.object({
  requestId: z.string().min(1, { error: 'is empty: choose any' }).max(5),
  maxPriority: z.number().int().nonnegative().max(100),
  limits: z.object({ memoryBytes: z.number().positive().lt(10) }),
  messages: z.array(z.object({ modelRole: z.enum(['user', 'tool']) })).max(2),
  isFinal: z.boolean(),
});
const right = {
  ...{ requestId: 'a', maxPriority: 1, limits: { memoryBytes: 1 }, messages: [{ modelRole: 'user' }], isFinal: true },
};

function faultOf(change: object): RpcFault {
  try {
    readRequest(schema, { ...right, ...change }, 'no');
  } catch (error) {
    if (error instanceof RpcFault) return error;
    throw error;
  }
  throw new Error('it was taken');
}

test.each([
  [{ maxPriority: 101 }, 'max_priority', 'must be at most 100'],
  [{ maxPriority: -1 }, 'max_priority', 'must be at least 0'],
  [{ maxPriority: 1.5 }, 'max_priority', 'must be a whole number'],
  [{ maxPriority: Number.NaN }, 'max_priority', 'must be a number'],
  [{ maxPriority: undefined }, 'max_priority', 'is missing'],
  [{ requestId: 'abcdef' }, 'request_id', 'must have at most 5 characters'],
  [{ requestId: '' }, 'request_id', 'is empty: choose any'],
  [{ limits: { memoryBytes: 0 } }, 'limits.memory_bytes', 'must be more than 0'],
  [{ limits: { memoryBytes: 10 } }, 'limits.memory_bytes', 'must be less than 10'],
  [{ messages: [{ modelRole: 'user' }, { modelRole: 'me' }] }, 'messages[1].model_role', 'must be one of user, tool'],
  [{ messages: Array.from({ length: 3 }, () => ({ modelRole: 'user' })) }, 'messages', 'must have at most 2 entries'],
  [{ isFinal: 'yes' }, 'is_final', 'must be true or false'],
])('%j is refused in words of ours, with the field named as in the protocol', (change, field, description) => {
  expect(faultOf(change)).toMatchObject({
    code: 'invalidArgument',
    message: `no: ${field} ${description}`,
    violations: [{ field, description }],
  });
});

test('what is right is read, and names are those of the protocol', () => {
  expect(readRequest(schema, right, 'no')).toEqual(right);
  expect([fieldName('wallSeconds'), fieldName('top')]).toEqual(['wall_seconds', 'top']);
});
