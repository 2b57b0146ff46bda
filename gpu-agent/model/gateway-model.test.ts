import { expect, test } from 'vitest';
import type { CompleteRequest, CompleteResponse } from '../../proto/generated/doubleblind/gateway/v1.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { createGatewayModel } from './gateway-model.ts';
import type { ModelRequest } from './model.ts';

const response: CompleteResponse = {
  message: {
    role: 'ROLE_ASSISTANT',
    content: 'hm',
    toolCalls: [{ id: '1', name: 'bash', argumentsJson: '{}' }],
    toolCallId: '',
  },
  inputTokens: 5,
  outputTokens: 2,
  dollars: 0.1,
  upstream: 'u',
  model: 'm',
  finishReason: 'tool_calls',
};
const request: ModelRequest = {
  token: 't',
  requestId: 'a:1:0',
  model: '',
  seed: 1,
  messages: [{ role: 'tool', content: 'x', toolCallId: '1' }],
  tools: [],
};
const options = { timeoutMs: 60_000, signal: new AbortController().signal };

function model(answers: (RpcFault | CompleteResponse)[], patienceMs = 60_000) {
  const asked: CompleteRequest[] = [];
  const gateway = {
    complete: (one: CompleteRequest): Promise<CompleteResponse> => {
      asked.push(one);
      const next = answers.shift() ?? response;
      return next instanceof RpcFault ? Promise.reject(next) : Promise.resolve(next);
    },
  };
  const random = (): number => 0;
  return { asked, it: createGatewayModel({ gateway, clock: systemClock, log: silentLogger, random, patienceMs }) };
}

test('a gateway that is away for a moment is asked again with the same request id', async () => {
  const { it, asked } = model([new RpcFault('unavailable', 'away')]);
  expect(await it.complete(request, options)).toMatchObject({ kind: 'answered', content: 'hm', outputTokens: 2 });
  expect(asked.map((one) => one.requestId)).toEqual(['a:1:0', 'a:1:0']);
  expect(asked[0]?.messages).toEqual([{ role: 'ROLE_TOOL', content: 'x', toolCalls: [], toolCallId: '1' }]);
});

test('one that stays away is a model that is unavailable, with the last thing that was said', async () => {
  const { it } = model([new RpcFault('unavailable', 'no upstream')], 10);
  expect(await it.complete(request, options)).toEqual({
    kind: 'failed',
    reason: 'modelUnavailable',
    message: 'No model answered: no upstream',
  });
});

test('a conversation that is too long is told as such, and not asked again', async () => {
  const { it, asked } = model([new RpcFault('invalidArgument', 'too long', { reason: 'contextTooLong' })]);
  expect(await it.complete(request, options)).toEqual({ kind: 'tooLong', message: 'too long' });
  expect(asked).toHaveLength(1);
});

test('a spent budget is giving up, and a refusal is not asked again', async () => {
  const spent = model([new RpcFault('resourceExhausted', 'spent', { reason: 'budgetSpent' })]);
  expect(await spent.it.complete(request, options)).toMatchObject({ kind: 'failed', reason: 'gaveUp' });
  const refused = model([new RpcFault('permissionDenied', 'wrong token')]);
  expect(await refused.it.complete(request, options)).toMatchObject({ kind: 'failed', reason: 'modelUnavailable' });
  expect(refused.asked).toHaveLength(1);
});

test('a turn waits for a new certificate like for a gateway, and where none comes the host is at fault, not the model', async () => {
  const ended = new RpcFault('unauthenticated', "the caller's certificate has ended", { reason: 'certificateEnded' });
  const renewed = model([ended, ended]);
  expect(await renewed.it.complete(request, options)).toMatchObject({ kind: 'answered', content: 'hm' });
  expect(renewed.asked).toHaveLength(3);
  const never = model(
    Array.from({ length: 1000 }, () => ended),
    10,
  );
  await expect(never.it.complete(request, options)).rejects.toThrow('the gateway takes no calls of this host');
});
