import { copyFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLocalPki, issueCertificate } from '../shared/pki/authority.ts';
import { tlsPathsIn } from '../shared/rpc/test-peers.ts';
import { gatewayConfigSchema } from './config.ts';
import { openOutgoingRules } from './outgoing-rules.ts';
import { guarded } from './upstream/guarded-upstream.ts';
import { createOfflinePolicyUpstream } from './upstream/offline-policy/offline-policy-upstream.ts';
import type { TurnRequest } from './upstream/upstream.ts';

test('a renewed key of ours is cut out of prompts as soon as it is in use, and the one before still is', async () => {
  const pki = mkdtempSync(join(tmpdir(), 'gateway-rules-'));
  await createLocalPki(pki, 'local');
  const tls = tlsPathsIn(pki, 'llm-gateway');
  const rules = openOutgoingRules(gatewayConfigSchema.parse({ listen: '127.0.0.1:0', stateDirectory: pki, tls }), 10);
  const sent: string[] = [];
  const listening = {
    ...createOfflinePolicyUpstream(),
    complete: ({ messages }: TurnRequest) => {
      sent.push(messages[0]?.content ?? '');
      return Promise.reject(new Error('heard'));
    },
  };
  const upstream = guarded(listening, rules.now, () => undefined);
  const line = (path: string): string => readFileSync(path, 'utf8').split('\n')[1] ?? '';
  const pass = async (secret: string): Promise<string | undefined> => {
    const messages = [{ role: 'user' as const, content: `it reads ${secret}`, toolCalls: [], toolCallId: '' }];
    const request: TurnRequest = { model: '', messages, tools: [], seed: 1, maxOutputTokens: 0 };
    const asked = upstream.complete(request, new AbortController().signal);
    await expect(asked).rejects.toThrow('heard');
    return sent.at(-1);
  };
  const renewed = await issueCertificate(pki, { role: 'llm-gateway', name: 'local', hosts: [], fileName: 'new' });
  const [before, after] = [line(tls.key), line(renewed.key)];
  expect(await pass(before)).not.toContain(before);
  expect(await pass(after)).toContain(after);
  copyFileSync(renewed.key, tls.key);
  copyFileSync(renewed.certificate, tls.certificate);
  await expect.poll(() => pass(after)).not.toContain(after);
  expect(await pass(before)).not.toContain(before);
  rules.stop();
});
