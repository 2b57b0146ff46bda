import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { slotId } from '../shared/core/ids.ts';
import { packFiles } from '../shared/store/tree.ts';
import type { Agent } from './agent.ts';
import type { ScoreRequest, Scores } from './scores/scores.ts';
import { openRig, type Rig } from './testing/agent-rig.ts';
import { answer, type ScriptedTurn, scriptedCall, scriptedModel } from './testing/scripted-model.ts';
import { endOf, program, submit, transcriptOf, write } from './testing/scripted-work.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.remove();
});

const ended = (id?: string) => endOf(rig, id);
const lines = (agent: Agent) => transcriptOf(agent);

test('an attempt looks, writes, submits, runs from a clean slate, stores its artifacts and is reported', async () => {
  const model = scriptedModel([scriptedCall('bash', { command: 'head -2 /data/train.csv' }), write(program), submit]);
  const agent = await rig.start(model);
  expect(agent.start(rig.order())).toEqual({ alreadyKnown: false });
  const followed = transcriptOf(agent, 'attempt-1', { follow: true });
  const body = await ended();
  expect(body).not.toHaveProperty('failureReason');
  expect(body.note).toBe('Idea: copy\nChanges: none\nExpectation: 0.5');
  expect(body.usage).toMatchObject({ turns: 3, inputTokens: 300, outputTokens: 30 });
  expect(body.runSeconds).toBeGreaterThan(0);
  const stored = (digest: string | undefined): string =>
    Buffer.from(rig.artifacts.files.get(digest as never) ?? '').toString('utf8');
  expect(stored(body.artifacts.submission)).toBe('id,y\r\n3,1\r\n4,0\r\n');
  expect(stored(body.artifacts.log)).toBe('training\n');
  const transcript = stored(body.artifacts.transcript);
  expect(transcript).not.toContain('secret-token');
  expect(transcript.trim().split('\n').at(-1)).toContain('"kind":"concluded"');
  expect(model.requests[1]?.messages.at(-1)?.content).toMatch(
    /id,x,y\n1,0.5,1\n\[exit 0 · [\d.]+ s.* · remaining: 11 turns, 1\d\d s\]$/,
  );
  expect((await followed).map((entry) => entry['kind'])).toEqual([
    'planned',
    'begun',
    'modelAnswered',
    'toolEnded',
    'modelAnswered',
    'toolEnded',
    'modelAnswered',
    'solutionTaken',
    'executed',
    'concluded',
    'artifactsStored',
    'reported',
  ]);
  expect(await rig.sandboxes()).toBe(0);
});

test('a crash in the clean-slate run is reported with the end of its log', async () => {
  const agent = await rig.start(scriptedModel([write('raise ValueError("no such column")\n'), submit]));
  agent.start(rig.order());
  const body = await ended();
  expect(body.failureReason).toBe('crash');
  expect(body.failureMessage).toContain('ValueError: no such column');
  expect(body.artifacts.transcript).toBeDefined();
  expect(body.artifacts.submission).toBeUndefined();
});

test('a program that writes no submission, and a model that never submits, are different failures', async () => {
  const turn = (content: string): ScriptedTurn[] => [write(content), submit];
  const agent = await rig.start(scriptedModel(turn('print("done")\n')));
  agent.start(rig.order());
  expect((await ended()).failureReason).toBe('noSubmission');
  const other = rig.order({ attemptId: 'attempt-2' as never, limits: { ...rig.order().limits, turns: 1 } });
  agent.start(other);
  expect((await ended('attempt-2')).failureReason).toBe('gaveUp');
});

test('a submit without main.py is refused with what is missing, and the work goes on', async () => {
  const model = scriptedModel([submit, write(program), submit]);
  const agent = await rig.start(model);
  agent.start(rig.order());
  expect(await ended()).not.toHaveProperty('failureReason');
  expect(model.requests[1]?.messages.at(-1)?.content).toContain('Not submitted.');
});

test('parents are in the brief, in the sandbox and in inspect', async () => {
  const tar = await packFiles([
    { path: 'main.py', bytes: Buffer.from(program), executable: false },
    { path: 'features.py', bytes: Buffer.from('x = 1\n'), executable: false },
  ]);
  const solutionDigest = rig.artifacts.add(tar);
  const logDigest = rig.artifacts.add(Buffer.from('fold 0: 0.4\n'));
  const parent = { candidateId: 'p', score: '0.4 ± 0.1', runSeconds: 2, note: 'Idea: p', operator: 'draft' } as const;
  const model = scriptedModel([
    scriptedCall('inspect', { parent: 'A', what: 'log' }),
    scriptedCall('inspect', { parent: 'B', what: 'log' }),
    scriptedCall('bash', { command: 'mkdir -p solution && cp -r /work/parents/A/. solution/ && ls solution' }),
    submit,
  ]);
  const agent = await rig.start(model);
  agent.start(rig.order({ operator: 'mutate', parents: [{ ...parent, solutionDigest, logDigest }] }));
  expect(await ended()).not.toHaveProperty('failureReason');
  const said = model.requests.at(-1)?.messages.map((message) => message.content) ?? [];
  expect(said[1]).toContain('## Parent A');
  expect(said[3]).toContain('fold 0: 0.4');
  expect(said[5]).toContain('There is only: A.');
  expect(said[7]).toContain('features.py\nmain.py');
});

test('the same start twice is one attempt; an older epoch, an unknown slot and a full slot are refused', async () => {
  const waiting = Promise.withResolvers<ReturnType<typeof answer>>();
  const agent = await rig.start(scriptedModel([() => waiting.promise]), { trajectoriesPerSlot: 1 });
  agent.start(rig.order({ epoch: 5 }));
  expect(agent.start(rig.order({ epoch: 5 }))).toEqual({ alreadyKnown: true });
  expect(() => agent.start(rig.order({ epoch: 4 }))).toThrow('later epoch');
  const other = { attemptId: 'attempt-2' as never };
  expect(() => agent.start(rig.order({ ...other, slotId: slotId('cpu-9') }))).toThrow('no slot cpu-9');
  expect(() => agent.start(rig.order(other))).toThrow('already holds 1');
  expect(
    agent.renew(
      [
        { attemptId: 'attempt-1', epoch: 5 },
        { attemptId: 'x', epoch: 1 },
      ],
      1000,
    ),
  ).toEqual([{ attemptId: 'x', epoch: 1 }]);
  agent.drain();
  expect(() => agent.start(rig.order({ ...other, slotId: slotId('cpu-1') }))).toThrow('no new attempts');
  agent.cancel({ attemptId: 'attempt-1', epoch: 5 }, 'enough');
  waiting.resolve(answer('late', []));
  expect((await ended()).failureReason).toBe('cancelled');
});

test('a lease that is not renewed ends the work at 0.8 of its term, also in the middle of a tool call', async () => {
  const agent = await rig.start(scriptedModel([scriptedCall('bash', { command: 'sleep 30' })]));
  agent.start(rig.order({ leaseTtlMs: 1000 }));
  const body = await ended();
  expect(body.failureReason).toBe('leaseLost');
  expect(body.usage.wallSeconds).toBeLessThan(8);
  expect(await rig.sandboxes()).toBe(0);
});

test('what only waits to store its artifacts has left its slot', async () => {
  const agent = await rig.start(scriptedModel([scriptedCall('bash', { command: 'sleep 30' })]), {
    trajectoriesPerSlot: 1,
  });
  agent.start(rig.order());
  await vi.waitFor(async () => expect(await rig.sandboxes()).toBe(1), { timeout: 20_000 });
  rig.artifacts.away = true;
  agent.cancel({ attemptId: 'attempt-1', epoch: 1 }, 'it is another host’s by now');
  const other = rig.order({ attemptId: 'attempt-2' as never });
  expect(() => agent.start(other)).toThrow('already holds 1');
  await vi.waitFor(() => agent.start(other), { timeout: 20_000, interval: 10 });
  expect(rig.bus.ended('attempt-1')).toBeUndefined();
  rig.artifacts.away = false;
  expect((await ended()).failureReason).toBe('cancelled');
});

test('ideas are sketched and judged without tools, the transcript shows it, and then the work begins', async () => {
  const script = ['{"sketches": ["constant", "copy"]}', '{"choice": 2, "reason": "it learns"}', write(program), submit];
  const model = scriptedModel(script);
  const agent = await rig.start(model);
  agent.start(rig.order({ rankBeforeRun: 2 }));
  expect(await ended()).not.toHaveProperty('failureReason');
  expect(model.requests.map(({ tools }) => tools.length > 0)).toEqual([false, false, true, true]);
  expect(model.requests[0]?.answerSchemaJson).toContain('"sketches"');
  const told = (await lines(agent)).filter((entry) => entry['kind'] === 'nudged');
  expect(told).toMatchObject([
    { observation: expect.stringContaining('1. constant\n\n2. copy') },
    { observation: expect.stringContaining('Sketch 2 was chosen (it learns).') },
  ]);
});

/** A daemon starts an attempt and goes while the model thinks after the first tool call. */
async function stopInMidAttempt(): Promise<void> {
  const waiting = Promise.withResolvers<never>();
  waiting.promise.catch(() => undefined);
  const first = await rig.start(scriptedModel([write(program), () => waiting.promise]));
  first.start(rig.order());
  await vi.waitFor(async () => expect((await lines(first)).at(-1)?.['kind']).toBe('toolEnded'), 10_000);
  const stopped = first.stop();
  waiting.reject(new Error('the daemon is gone'));
  await stopped;
}

test('after a restart a trajectory goes on in the same sandbox where it stood', async () => {
  await stopInMidAttempt();
  expect(await rig.sandboxes()).toBe(1);
  const model = scriptedModel([[], submit]);
  const second = await rig.start(model);
  // Not before the coordinator has said that the lease still holds.
  expect(second.describe().slots[0]?.attempts).toHaveLength(1);
  expect(model.requests).toEqual([]);
  expect(second.renew([{ attemptId: 'attempt-1', epoch: 1 }], 60_000)).toEqual([]);
  const body = await ended();
  expect(body).not.toHaveProperty('failureReason');
  expect(model.requests.map((request) => request.requestId)).toEqual(['attempt-1:1:1']);
  expect((await lines(second)).map((entry) => entry['kind'])).toContain('resumed');
});

test('guidance that is added to the run reaches a live attempt once, and survives a restart of the daemon', async () => {
  const waiting = Promise.withResolvers<never>();
  waiting.promise.catch(() => undefined);
  const name = { attemptId: 'attempt-1', epoch: 1 };
  const told = [{ runId: 'run-1', added: ['be quick', 'try trees'] }];
  const first = await rig.start(scriptedModel([write(program), () => waiting.promise]));
  // The first piece is part of what it was started with.
  first.start(rig.order({ guidance: 'be quick', guidanceAdded: 1 }));
  await vi.waitFor(async () => expect((await lines(first)).at(-1)?.['kind']).toBe('toolEnded'), 10_000);
  first.renew([name], 60_000, told);
  first.renew([name], 60_000, [...told, { runId: 'another-run', added: ['no'] }]);
  expect((await lines(first)).filter((entry) => entry['kind'] === 'guided')).toMatchObject([
    { number: 2, guidance: 'try trees' },
  ]);
  const stopped = first.stop();
  waiting.reject(new Error('the daemon is gone'));
  await stopped;
  const model = scriptedModel([[], scriptedCall('bash', { command: 'true' }), submit]);
  const second = await rig.start(model);
  second.renew([name], 60_000, told);
  expect(await ended()).not.toHaveProperty('failureReason');
  const guidance = model.requests.map(({ messages }) =>
    messages.filter(({ role, content }) => role === 'user' && content.endsWith('try trees')),
  );
  expect(guidance.map((messages) => messages.length)).toEqual([0, 1]);
  expect((await lines(second)).filter((entry) => entry['kind'] === 'guided')).toHaveLength(1);
});

test('after a restart an attempt whose lease went to others is ended', async () => {
  await stopInMidAttempt();
  const second = await rig.start(scriptedModel([]));
  expect(second.renew([], 60_000)).toEqual([]);
  expect((await ended()).failureReason).toBe('leaseLost');
  expect(await rig.sandboxes()).toBe(0);
});

test('a newer epoch ends the older execution silently and starts anew', async () => {
  const waiting = Promise.withResolvers<never>();
  waiting.promise.catch(() => undefined);
  const model = scriptedModel([
    (request) => (request.requestId.startsWith('attempt-1:1') ? waiting.promise : answer('', write(program) as never)),
    submit,
  ]);
  const agent = await rig.start(model);
  agent.start(rig.order());
  await vi.waitFor(() => expect(model.requests).toHaveLength(1), 10_000);
  agent.start(rig.order({ epoch: 2 }));
  waiting.reject(new Error('gone'));
  await ended();
  const ends = rig.bus.results.filter((event) => event.kind === 'attemptEnded');
  expect(ends.map((event) => event.epoch)).toEqual([2]);
});

test('an end waits for a coordinator and a bus that are away, and leaves the outbox with the receipt', async () => {
  const agent = await rig.start(scriptedModel([write(program), submit]));
  agent.start(rig.order());
  await vi.waitFor(async () => expect((await lines(agent)).length).toBeGreaterThan(1), 10_000);
  rig.artifacts.away = true;
  rig.bus.away = true;
  await vi.waitFor(async () => expect((await lines(agent)).at(-1)?.['kind']).toBe('concluded'), 10_000);
  rig.artifacts.away = false;
  await vi.waitFor(async () => expect((await lines(agent)).at(-1)?.['kind']).toBe('reported'), 10_000);
  expect(rig.bus.ended('attempt-1')).toBeUndefined();
  rig.bus.away = false;
  agent.busIsBack();
  await ended();
  expect(agent.describe().outboxEvents).toBe(2);
  expect(agent.renew([{ attemptId: 'attempt-1', epoch: 1 }], 1000)).toEqual([]);
  agent.confirm(rig.bus.results.map((event) => event.seq));
  expect(agent.describe().outboxEvents).toBe(0);
  await vi.waitFor(() => expect(agent.renew([{ attemptId: 'attempt-1', epoch: 1 }], 1000)).toHaveLength(1));
});

test('heartbeats go on when nothing changes', async () => {
  await rig.start(scriptedModel([]));
  await vi.waitFor(() => expect(rig.bus.heartbeats.length).toBeGreaterThan(2));
  expect(rig.bus.heartbeats.map((heartbeat) => heartbeat.seq).slice(0, 3)).toEqual([0, 1, 2]);
  expect(rig.bus.heartbeats[0]?.slots[1]).toMatchObject({ slotId: 'cpu-1', kind: 'cpu', capacity: 2, attempts: [] });
});

const copyOf = (value: number) =>
  `with open("/out/submission.csv", "w") as out: out.write("id,y\\n3,${value}\\n4,0\\n")`;

test('an attempt with scores asks for them by its submission, and transcript and model have what it was told', async () => {
  const asked: (ScoreRequest & { readonly text: string })[] = [];
  const scores: Scores = {
    ask(request) {
      asked.push({ ...request, text: Buffer.from(rig.artifacts.files.get(request.submission) ?? '').toString() });
      return Promise.resolve({ kind: 'scored', feedback: '0.45 ± 0.03', left: 1 });
    },
  };
  const model = scriptedModel([
    scriptedCall('score', {}),
    scriptedCall('python', { code: copyOf(1) }),
    scriptedCall('score', {}),
    write(program),
    submit,
  ]);
  const agent = await rig.start(model, { scores });
  agent.start(rig.order({ scoreQueries: 2, epoch: 4 }));
  expect(await ended()).not.toHaveProperty('failureReason');
  expect(asked).toMatchObject([{ runId: 'run-1', attemptId: 'attempt-1', epoch: 4, text: 'id,y\n3,1\n4,0\n' }]);
  expect(model.requests[0]?.tools.map(({ name }) => name)).toContain('score');
  expect(model.requests[1]?.messages.at(-1)?.content).toContain('Not scored: there is no /out/submission.csv.');
  const heard = 'Score of /out/submission.csv on hidden rows, with noise: 0.45 ± 0.03. You may ask 1 more time.';
  expect(model.requests[3]?.messages.at(-1)?.content).toContain(heard);
  const entries = await lines(agent);
  expect(entries.filter((entry) => entry['tool'] === 'score').map((entry) => entry['exitStatus'])).toEqual([1, 0]);
});

test('an attempt without scores has no such tool, and a call of it is answered and reaches nobody', async () => {
  const scores: Scores = { ask: () => Promise.reject(new Error('asked all the same')) };
  const model = scriptedModel([
    scriptedCall('python', { code: copyOf(1) }),
    scriptedCall('score', {}),
    write(program),
    submit,
  ]);
  const agent = await rig.start(model, { scores });
  agent.start(rig.order());
  expect(await ended()).not.toHaveProperty('failureReason');
  expect(model.requests[0]?.tools.map(({ name }) => name)).not.toContain('score');
  expect(model.requests[2]?.messages.at(-1)?.content).toContain('There is no tool named "score".');
});
