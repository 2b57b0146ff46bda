import { expect, test } from 'vitest';
import { scriptedUpstream, turn } from '../testing/scripted-upstream.ts';
import { guarded } from './guarded-upstream.ts';
import type { TurnRequest } from './upstream.ts';

const secret = 'canary-provider-key-4711';
const pem = ['-----BEGIN PRIVATE KEY-----', 'AAAA', '-----END PRIVATE KEY-----'];

/** A turn with the text wherever a host may write one. */
function everywhere(text: string): TurnRequest {
  const call = { id: text, name: text, argumentsJson: JSON.stringify({ text }) };
  return {
    model: 'm',
    messages: [
      { role: 'assistant', content: text, toolCalls: [call], toolCallId: '' },
      { role: 'tool', content: text, toolCalls: [], toolCallId: text },
    ],
    tools: [{ name: text, description: text, parametersJson: JSON.stringify({ description: text }) }],
    seed: 1,
    maxOutputTokens: 10,
    answerSchemaJson: JSON.stringify({ title: text }),
  };
}

async function passed(request: TurnRequest): Promise<TurnRequest> {
  const upstream = scriptedUpstream('one', [turn('fine')]);
  const leaks: unknown[] = [];
  const rules = () => ({ secrets: [secret], digests: new Set<string>() });
  const guard = guarded(upstream, rules, (found) => leaks.push(...found));
  await guard.complete(request, new AbortController().signal);
  expect(leaks.length > 0).toBe(JSON.stringify(upstream.asked[0]) !== JSON.stringify(request));
  return upstream.asked[0] as TurnRequest;
}

test('a secret leaves in no part of a request, and what is honest leaves as it is', async () => {
  expect(JSON.stringify(await passed(everywhere(secret)))).not.toContain(secret);
  expect(await passed(everywhere('bash'))).toEqual(everywhere('bash'));
});

test('a schema out of which a key was cut is JSON still, wherever the key began and ended', async () => {
  const [begin, middle, end] = pem;
  const torn = JSON.stringify({ required: [begin, middle], title: end });
  const request = { ...everywhere('bash'), answerSchemaJson: torn };
  const { answerSchemaJson = '' } = await passed(request);
  expect(answerSchemaJson).not.toContain('AAAA');
  expect(typeof JSON.parse(answerSchemaJson)).toBe('object');
});
