import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import type { Role } from '../shared/pki/identity.ts';
import { createRpcClient } from '../shared/rpc/client.ts';
import { testTls } from '../shared/rpc/test-peers.ts';
import { gatewayConfigSchema } from './config.ts';
import { type RunningGateway, startGateway } from './start.ts';

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(
  stateDirectory = mkdtempSync(join(tmpdir(), 'gateway-')),
  upstreams: readonly object[] = [],
): Promise<RunningGateway> {
  const tls = await testTls('llm-gateway');
  const config = gatewayConfigSchema.parse({ listen: '127.0.0.1:0', stateDirectory, tls, upstreams });
  const running = await startGateway(config, { log: silentLogger, clock: systemClock });
  stops.push(() => running.stop());
  return running;
}

async function clientOf(role: Role, { address }: RunningGateway) {
  const client = createRpcClient<'doubleblind.gateway.v1.LlmService'>({
    service: 'doubleblind.gateway.v1.LlmService',
    address,
    tls: await testTls(role),
    expectRole: 'llm-gateway',
  });
  stops.push(() => client.close());
  return client;
}

const attempt = { runId: 'run', attemptId: 'attempt', epoch: 1 };
const options = { deadlineMs: 10_000 };
const messages = [{ role: 'ROLE_USER' as const, content: 'hello' }];

test('without a provider the offline policy is the default and says that it is no language model', async () => {
  const gateway = await start();
  const operator = await clientOf('operator', gateway);
  expect(await operator.listModels({}, options)).toMatchObject({
    models: [{ name: 'offline-policy', upstream: 'offline-policy', languageModel: false, isDefault: true }],
  });
});

test('a coordinator opens an account, the host asks for a turn, the operator sees the spend, closing ends it', async () => {
  const gateway = await start();
  const [coordinator, agent, operator] = await Promise.all([
    clientOf('coordinator', gateway),
    clientOf('gpu-agent', gateway),
    clientOf('operator', gateway),
  ]);
  const { token } = await coordinator.openAttempt({ attempt, host: 'local' }, options);
  const turn = await agent.complete({ token, requestId: 'r1', messages }, options);
  expect(turn).toMatchObject({ upstream: 'offline-policy', model: 'offline-policy', finishReason: 'stop', dollars: 0 });
  expect(turn.message?.content).toContain('not a language model');
  expect(await operator.getSpend({ runId: 'run' }, options)).toMatchObject({
    rows: [{ attemptId: 'attempt', calls: 1 }],
    nextPageToken: '',
  });
  const { usage } = await coordinator.closeAttempt({ attempt }, options);
  expect(usage).toMatchObject({ turns: 1, dollars: 0, outputTokens: turn.outputTokens });
  const refused = agent.complete({ token, requestId: 'r2', messages }, options);
  await expect(refused).rejects.toMatchObject({ code: 'failedPrecondition', reason: 'accountClosed' });
});

test('the spend of all runs comes in pages, each row once and in order', async () => {
  const gateway = await start();
  const [coordinator, agent, operator] = await Promise.all([
    clientOf('coordinator', gateway),
    clientOf('gpu-agent', gateway),
    clientOf('operator', gateway),
  ]);
  for (const attemptId of ['c', 'a', 'b']) {
    const { token } = await coordinator.openAttempt({ attempt: { ...attempt, attemptId }, host: 'local' }, options);
    await agent.complete({ token, requestId: 'r1', messages }, options);
  }
  const first = await operator.getSpend({ pageSize: 2 }, options);
  const second = await operator.getSpend({ pageSize: 2, pageToken: first.nextPageToken }, options);
  expect([first, second].map(({ rows }) => rows.map(({ attemptId }) => attemptId))).toEqual([['a', 'b'], ['c']]);
  expect(second.nextPageToken).toBe('');
  const wrong = operator.getSpend({ pageSize: -1 }, options);
  await expect(wrong).rejects.toMatchObject({ code: 'invalidArgument', violations: [{ field: 'page_size' }] });
});

test('a token of another host is refused, and so is a caller whose role may not ask', async () => {
  const gateway = await start();
  const [coordinator, agent] = await Promise.all([clientOf('coordinator', gateway), clientOf('gpu-agent', gateway)]);
  const { token } = await coordinator.openAttempt({ attempt, host: 'elsewhere' }, options);
  await expect(agent.complete({ token, requestId: 'r1', messages }, options)).rejects.toMatchObject({
    code: 'permissionDenied',
  });
  await expect(agent.openAttempt({ attempt, host: 'local' }, options)).rejects.toMatchObject({
    code: 'permissionDenied',
  });
});

test('malformed requests name the field', async () => {
  const gateway = await start();
  const [coordinator, agent] = await Promise.all([clientOf('coordinator', gateway), clientOf('gpu-agent', gateway)]);
  const bad = coordinator.openAttempt({ attempt: { ...attempt, epoch: 0 }, host: 'local' }, options);
  await expect(bad).rejects.toMatchObject({ code: 'invalidArgument', violations: [{ field: 'attempt.epoch' }] });
  const { token } = await coordinator.openAttempt({ attempt, host: 'local' }, options);
  const nameless = agent.complete({ token, requestId: 'r1', messages: [{ content: 'x' }] }, options);
  await expect(nameless).rejects.toMatchObject({ violations: [{ field: 'messages[0].role' }] });
  const tools = [{ name: 't', description: '', parametersJson: 'no' }];
  const badTool = agent.complete({ token, requestId: 'r1', messages, tools }, options);
  await expect(badTool).rejects.toMatchObject({ violations: [{ field: 'tools[0].parameters_json' }] });
  const unknown = agent.complete({ token, requestId: 'r1', messages, model: 'nobody' }, options);
  await expect(unknown).rejects.toMatchObject({ code: 'notFound', message: expect.stringContaining('offline-policy') });
});

test('a token outlives a restart, and the state is for the owner only', async () => {
  const state = mkdtempSync(join(tmpdir(), 'gateway-'));
  const first = await start(state);
  const { token } = await (await clientOf('coordinator', first)).openAttempt({ attempt, host: 'local' }, options);
  await first.stop();
  const second = await start(state);
  const again = await (await clientOf('coordinator', second)).openAttempt({ attempt, host: 'local' }, options);
  expect(again.token).toBe(token);
  for (const name of readdirSync(state)) expect(statSync(join(state, name)).mode & 0o077, name).toBe(0);
});

test('a key that an endpoint echoes reaches neither the agent nor the cassette, and a cleaned prompt is played', async () => {
  const key = 'a-key-of-no-known-shape-0123456789';
  const [state, files] = [mkdtempSync(join(tmpdir(), 'gateway-')), mkdtempSync(join(tmpdir(), 'gateway-'))];
  const [keyFile, cassette] = [join(files, 'key'), join(files, 'run.jsonl')];
  writeFileSync(keyFile, `${key}\n`);
  const server = createServer((request, response) => {
    const echo = request.headers.authorization;
    const calls = [
      { id: `c ${echo}`, type: 'function', function: { name: `n ${echo}`, arguments: `{"a":"${echo}"}` } },
    ];
    const message = { role: 'assistant', content: `you sent ${echo}`, tool_calls: calls };
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ model: `m ${echo}`, choices: [{ index: 0, message, finish_reason: 'stop' }], usage }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => void server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const models = [
    {
      ...{ name: 'm', inputDollarsPerMillion: 0, outputDollarsPerMillion: 0 },
      ...{ contextTokens: 1000, maxOutputTokens: 100 },
    },
  ];
  const endpoint = { name: 'echo', kind: 'openai', baseUrl, keyFile, models, stream: false, record: cassette };
  const ask = async (upstream: object): Promise<string | undefined> => {
    const gateway = await start(mkdtempSync(join(state, 'of-')), [upstream]);
    const [coordinator, agent] = await Promise.all([clientOf('coordinator', gateway), clientOf('gpu-agent', gateway)]);
    const { token } = await coordinator.openAttempt({ attempt, host: 'local' }, options);
    const leaking = [{ role: 'ROLE_USER' as const, content: `I found sk-${'x'.repeat(30)}` }];
    return (await agent.complete({ token, requestId: 'r1', messages: leaking }, options)).message?.content;
  };
  const said = await ask(endpoint);
  expect(said).toBe('you sent Bearer [removed by the gateway: a secret]');
  expect(readFileSync(cassette, 'utf8')).toContain('you sent');
  expect(readFileSync(cassette, 'utf8')).not.toContain(key);
  expect(await ask({ name: 'tape', kind: 'cassette', file: cassette, strict: true })).toBe(said);
});
