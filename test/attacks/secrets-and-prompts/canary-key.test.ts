// A provider's key that is a canary, and an agent that puts it, and everything else that it should not have, into its prompts; the
// endpoint echoes the key it was given. A real gateway over gRPC, an endpoint on the loopback. Afterwards the key is looked for in
// every prompt, answer, error, log line, metric and file of the gateway.

import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gatewayConfigSchema } from '../../../llm-gateway/config.ts';
import { type RunningGateway, startGateway } from '../../../llm-gateway/start.ts';
import { systemClock } from '../../../shared/clock.ts';
import { createLogger } from '../../../shared/log.ts';
import type { Role } from '../../../shared/pki/identity.ts';
import { createRpcClient } from '../../../shared/rpc/client.ts';
import { testTls } from '../../../shared/rpc/test-peers.ts';
import { freePortBase } from '../../support/cluster.ts';
import { measured } from '../../support/measured.ts';

const key = 'canary-key-5f2b7c90d1e34a68';
const label = '0.4183920576613829';
const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const asked: { body: string; authorization: string }[] = [];
const lines: string[] = [];
let endpoint: Server;
let gateway: RunningGateway;
let state: string;
let metricsPort: number;
/** How the endpoint answers next. */
let answer: (authorization: string) => { status: number; content: string } = () => ({ status: 200, content: 'fine' });

beforeAll(async () => {
  endpoint = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      const { authorization = '' } = request.headers;
      asked.push({ body, authorization });
      const { status, content } = answer(authorization);
      response.writeHead(status, { 'content-type': 'application/json' });
      const message = { role: 'assistant', content };
      const usage = { prompt_tokens: 1, completion_tokens: 1 };
      const choices = [{ index: 0, message, finish_reason: 'stop' }];
      const whole = { id: 'x', object: 'chat.completion', model: 'm', created: 1, choices, usage };
      response.end(JSON.stringify(status === 200 ? whole : { error: { message: content } }));
    });
  });
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  state = mkdtempSync(join(tmpdir(), 'doubleblind-keys-'));
  const files = mkdtempSync(join(tmpdir(), 'doubleblind-key-files-'));
  writeFileSync(join(files, 'key'), `${key}\n`, { mode: 0o600 });
  writeFileSync(join(files, 'digests'), `${createHash('sha256').update(label).digest('hex')}  row 7\n`);
  metricsPort = await freePortBase();
  const config = gatewayConfigSchema.parse({
    ...{ listen: '127.0.0.1:0', stateDirectory: state, tls: await testTls('llm-gateway'), metricsPort },
    outgoing: { digestFile: join(files, 'digests') },
    retry: { tries: 1 },
    upstreams: [
      {
        ...{ name: 'provider', kind: 'openai', stream: false, keyFile: join(files, 'key') },
        baseUrl: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/v1`,
        models: [{ name: 'm', contextTokens: 100_000, jsonSchema: true }],
      },
    ],
  });
  const log = createLogger({ name: 'gateway', level: 'debug', destination: { write: (line) => lines.push(line) } });
  gateway = await startGateway(config, { log, clock: systemClock });
});
afterAll(async () => {
  await gateway.stop();
  endpoint.close();
});

async function clientOf(role: Role) {
  const about = { address: gateway.address, tls: await testTls(role), expectRole: 'llm-gateway' as const };
  return createRpcClient<'doubleblind.gateway.v1.LlmService'>({
    service: 'doubleblind.gateway.v1.LlmService',
    ...about,
  });
}

test('keys, tokens, private keys and marked labels leave in no prompt, and our key comes back in no answer, error, log or file', async ({
  task,
}) => {
  const attempt = { runId: 'run', attemptId: 'attempt', epoch: 1 };
  const options = { deadlineMs: 20_000 };
  const [coordinator, agent] = await Promise.all([clientOf('coordinator'), clientOf('gpu-agent')]);
  const { token } = await coordinator.openAttempt({ attempt, host: 'local' }, options);
  const secrets = [key, token, pem, label, Buffer.from(key).toString('base64'), Buffer.from(key).toString('hex')];
  const told: string[] = [];
  let turns = 0;
  const ask = async (content: string): Promise<void> => {
    turns += 1;
    const call = { id: `c ${content}`, name: `bash ${content}`, argumentsJson: JSON.stringify({ command: content }) };
    const messages = [
      { role: 'ROLE_USER' as const, content },
      { role: 'ROLE_ASSISTANT' as const, content: '', toolCalls: [call] },
      { role: 'ROLE_TOOL' as const, content: `printed ${content}`, toolCallId: `c ${content}` },
    ];
    // A host that is somebody else's names tools and schemas as it likes.
    const schema = JSON.stringify({ type: 'object', description: content });
    const tools = [{ name: `bash ${content}`, description: content, parametersJson: schema }];
    const request = { token, requestId: `r${turns}`, messages, tools, answerSchemaJson: schema };
    const said = await agent.complete(request, options).then(
      (turn) => JSON.stringify(turn),
      (error: Error) => `${error.message} ${JSON.stringify(error)}`,
    );
    told.push(said);
  };
  for (const secret of secrets) await ask(`before ${secret} after`);
  expect(asked.length).toBe(secrets.length);
  for (const { body } of asked) {
    const { messages, ...others } = JSON.parse(body) as { messages: { content: string }[] };
    expect(messages.at(-1)?.content).toMatch(/^printed before \[removed by the gateway: [a-z ]+\]\s+after$/);
    // Positive control: these parts do reach the endpoint, so a key in them would.
    expect(Object.keys(others)).toEqual(expect.arrayContaining(['tools', 'response_format']));
  }
  // The endpoint gives back whatever it was given, as an answer and as an error.
  answer = (authorization) => ({ status: 200, content: `you sent ${authorization}` });
  await ask('hello');
  expect(told.at(-1)).toContain('you sent Bearer [removed by the gateway: a secret]');
  for (const status of [400, 401, 429, 500]) {
    answer = (authorization) => ({ status, content: `wrong key ${authorization}` });
    await ask('hello again');
  }
  // Positive control: the endpoint did get the key, where it belongs.
  expect(asked.every(({ authorization }) => authorization === `Bearer ${key}`)).toBe(true);
  const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const files = readdirSync(state).map((name) => readFileSync(join(state, name)).toString('latin1'));
  const places = { prompts: asked.map(({ body }) => body), told, lines, page: [page], files };
  const needles = [key, pem.split('\n')[1] ?? '', label, Buffer.from(key).toString('hex')];
  for (const [place, texts] of Object.entries(places)) {
    for (const needle of needles)
      expect(
        texts.filter((text) => text.includes(needle)),
        `${needle} in ${place}`,
      ).toEqual([]);
  }
  expect(page).toContain('doubleblind_llm_gateway_removed_from_prompts_total{upstream="provider",kind="markedWord"}');
  measured(
    task,
    `${secrets.length} secrets in ${turns} turns: 0 in ${asked.length} prompts, ${told.length} answers and errors, ${lines.length} log lines, ${files.length} files`,
  );
  coordinator.close();
  agent.close();
});
