import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commandOf } from './command.ts';
import type { ToolCall } from './conversation.ts';
import { loopCalls, maxOverflows, maxSilentAnswers, resume, step } from './react.ts';
import { audit } from './react-audit.ts';
import { newTrajectory, type Trajectory } from './trajectory.ts';
import type { Executed, ModelAnswered, Planned, ToolEnded, TrajectoryEvent } from './trajectory-event.ts';

const planned: Planned = {
  kind: 'planned',
  runId: 'run',
  attemptId: 'attempt',
  epoch: 1,
  slotId: 'cpu-0',
  operator: 'draft',
  seed: 1,
  task: 'iris',
  model: '',
  limits: {
    executionSeconds: 60,
    toolSeconds: 30,
    trajectorySeconds: 600,
    turns: 10,
    tokens: 0,
    contextCharacters: 100_000,
  },
  elapsedSeconds: 0,
};

const begun: TrajectoryEvent = {
  kind: 'begun',
  messages: [
    { role: 'system', content: 'rules' },
    { role: 'user', content: 'brief' },
  ],
  elapsedSeconds: 1,
};

function call(name: string, args: object | string, id = 'c'): ToolCall {
  return { id, name, argumentsJson: typeof args === 'string' ? args : JSON.stringify(args) };
}

function answered(turn: number, toolCalls: ToolCall[], elapsedSeconds = 2): ModelAnswered {
  return {
    kind: 'modelAnswered',
    turn,
    content: 'I think',
    toolCalls,
    inputTokens: 100,
    outputTokens: 10,
    dollars: 0.01,
    upstream: 'test',
    model: 'test',
    finishReason: 'tool_calls',
    seconds: 1,
    elapsedSeconds,
  };
}

function toolEnded(callId = 'c', elapsedSeconds = 3, observation = 'done'): ToolEnded {
  return {
    kind: 'toolEnded',
    callId,
    tool: 'bash',
    exitStatus: 0,
    observation,
    wallSeconds: 1,
    waitedSeconds: 0.5,
    slotSeconds: 1,
    peakMemoryBytes: 1000,
    timedOut: false,
    outOfMemory: false,
    elapsedSeconds,
  };
}

const submit = call('submit', { idea: 'trees', changes: 'all' });
const solutionTaken: TrajectoryEvent = { kind: 'solutionTaken', digest: 'd'.repeat(64), bytes: 10, elapsedSeconds: 5 };

function executed(fields: Partial<Executed>): Executed {
  return {
    kind: 'executed',
    end: 'completed',
    exitStatus: 0,
    logDigest: 'e'.repeat(64),
    logTail: 'last line',
    wallSeconds: 7,
    waitedSeconds: 0,
    cpuSeconds: 6,
    peakMemoryBytes: 2000,
    elapsedSeconds: 20,
    ...fields,
  };
}

function after(...events: TrajectoryEvent[]): Trajectory {
  return resume([planned, begun, ...events]);
}

test('a happy trajectory ends as a report with a solution, a submission and no failure', () => {
  const state = after(
    answered(0, [call('bash', { command: 'ls' })]),
    toolEnded(),
    answered(1, [submit]),
    solutionTaken,
    executed({ submissionDigest: 'f'.repeat(64) }),
  );
  const command = commandOf(state);
  expect(command).toMatchObject({
    kind: 'conclude',
    outcome: {
      note: 'Idea: trees\nChanges: all',
      runSeconds: 7,
      usage: { turns: 2, slotSeconds: 8, wallSeconds: 20.5 },
    },
  });
  expect(command).not.toHaveProperty('outcome.failureReason');
});

test.each([
  ['crash', executed({ end: 'crash', exitStatus: 1 }), 'crash'],
  ['time-out', executed({ end: 'timeout' }), 'timeout'],
  ['lack of memory', executed({ end: 'outOfMemory' }), 'outOfMemory'],
  ['full disk', executed({ end: 'diskFull' }), 'diskFull'],
  ['missing submission', executed({}), 'noSubmission'],
])('a %s in the clean-slate run is its own failure and carries the end of the log', (_name, event, reason) => {
  const state = after(answered(0, [submit]), solutionTaken, event);
  expect(commandOf(state)).toMatchObject({ kind: 'conclude', outcome: { failureReason: reason } });
  expect(commandOf(state)).toHaveProperty('outcome.failureMessage', expect.stringContaining('last line'));
});

test('a refit executes the solution that it was given, and asks no model', () => {
  const taken: TrajectoryEvent = { kind: 'solutionTaken', digest: 'd', bytes: 1, elapsedSeconds: 1 };
  const refit = resume([{ ...planned, operator: 'refit' }, taken]);
  expect(commandOf(refit)).toMatchObject({ kind: 'runCleanSlate', solutionDigest: 'd' });
  expect(commandOf(resume([planned, taken]))).toEqual({ kind: 'prepare' });
});

test('a call that cannot be run is answered with what was expected', () => {
  const state = after(answered(0, [call('bash', '{"cmd":')]));
  expect(commandOf(state)).toMatchObject({
    kind: 'refuseCall',
    observation: expect.stringContaining('bash {"command"'),
  });
});

test('calls of one answer are run in their order, up to a submit', () => {
  const calls = [call('bash', { command: 'a' }, '1'), call('bash', { command: 'b' }, '1'), submit, call('bash', {})];
  let state = after(answered(0, calls));
  expect(commandOf(state)).toMatchObject({ kind: 'runTool', callId: '1', request: { command: 'a' } });
  [state] = step(state, toolEnded('1'));
  expect(commandOf(state)).toMatchObject({ kind: 'runTool', callId: 'call-0-1', request: { command: 'b' } });
  [state] = step(state, toolEnded('call-0-1'));
  expect(commandOf(state)).toMatchObject({ kind: 'takeSolution' });
});

test('the fifth identical call in a row is not run, and the sixth ends the attempt', () => {
  let state = after();
  for (let turn = 0; turn < loopCalls - 1; turn += 1) {
    [state] = step(state, answered(turn, [call('bash', turn % 2 === 0 ? '{"command":"ls"}' : '{ "command": "ls" }')]));
    expect(commandOf(state)).toMatchObject({ kind: 'runTool' });
    [state] = step(state, toolEnded());
  }
  [state] = step(state, answered(4, [call('bash', { command: 'ls' })]));
  expect(commandOf(state)).toMatchObject({ kind: 'refuseCall', observation: expect.stringContaining('5th time') });
  [state] = step(state, { kind: 'toolRefused', callId: 'c', tool: 'bash', observation: 'loop', elapsedSeconds: 4 });
  [state] = step(state, answered(5, [call('bash', { command: 'ls' })]));
  expect(commandOf(state)).toMatchObject({ kind: 'conclude', outcome: { failureReason: 'gaveUp' } });
});

test('an answer without a call gets a nudge, and too many of them end the attempt', () => {
  let state = after();
  for (let turn = 0; turn < maxSilentAnswers - 1; turn += 1) {
    [state] = step(state, answered(turn, []));
    expect(commandOf(state)).toMatchObject({ kind: 'nudge' });
    [state] = step(state, { kind: 'nudged', observation: 'call a tool', elapsedSeconds: 3 });
  }
  [state] = step(state, answered(3, []));
  expect(commandOf(state)).toMatchObject({ kind: 'conclude', outcome: { failureReason: 'gaveUp' } });
});

test('turns, tokens and time each end a trajectory, and a submit on the last turn still counts', () => {
  const limits = { ...planned.limits, turns: 1 };
  const last = resume([{ ...planned, limits }, begun, answered(0, [submit])]);
  expect(last.phase.kind).toBe('taking');
  const late = after(answered(0, [call('bash', { command: 'ls' })], 2), toolEnded('c', 600));
  expect(commandOf(late)).toMatchObject({ kind: 'conclude', outcome: { failureReason: 'gaveUp' } });
  const tokens = resume([
    { ...planned, limits: { ...planned.limits, tokens: 10 } },
    begun,
    answered(0, [call('bash', { command: 'ls' })]),
  ]);
  expect(commandOf(tokens)).toMatchObject({ outcome: { failureReason: 'gaveUp' } });
});

test('a submit without a solution is an observation, not the end', () => {
  const state = after(answered(0, [submit]), { kind: 'solutionRefused', observation: 'no main.py', elapsedSeconds: 4 });
  expect(commandOf(state)).toMatchObject({ kind: 'callModel', turn: 1 });
});

test('after a restart the current call is run again and marked as such', () => {
  const entries: TrajectoryEvent[] = [planned, begun, answered(0, [call('bash', { command: 'ls' })])];
  const resumed = resume([...entries, { kind: 'resumed', elapsedSeconds: 2 }]);
  expect(commandOf(resumed)).toMatchObject({ kind: 'runTool', rerun: true });
  const [next] = step(resumed, toolEnded());
  expect(next.rerun).toBe(false);
});

const overflow: TrajectoryEvent = { kind: 'contextOverflowed', turn: 3, message: 'too long', elapsedSeconds: 4 };

test('a conversation that is too long for the model is shortened and asked for again, and stays that short', () => {
  const long = 'x'.repeat(9000);
  const turns = [0, 1, 2].flatMap((turn) => [
    answered(turn, [call('bash', { command: `ls ${turn}` })]),
    toolEnded('c', 3, long),
  ]);
  const before = after(...turns);
  const sent = (state: Trajectory): number => {
    const command = commandOf(state);
    if (command?.kind !== 'callModel') throw new Error('it should think');
    return JSON.stringify(command.messages).length;
  };
  const once = step(before, overflow)[0];
  expect(sent(once)).toBeLessThan(0.7 * sent(before));
  expect(commandOf(once)).toMatchObject({ turn: 3, overflows: 1 });
  const twice = step(once, overflow)[0];
  expect(sent(twice)).toBeLessThan(sent(once));
  const [went] = step(step(twice, answered(3, [call('bash', { command: 'ls 3' })]))[0], toolEnded('c', 5, long));
  expect(went).toMatchObject({ overflows: 0, contextCharacters: twice.contextCharacters });
});

test('a model that the shortest conversation does not fit ends the attempt', () => {
  let state = after();
  for (let count = 0; count < maxOverflows; count += 1) [state] = step(state, overflow);
  expect(commandOf(state)).toMatchObject({ kind: 'callModel', overflows: maxOverflows });
  expect(commandOf(step(state, overflow)[0])).toMatchObject({ kind: 'conclude', outcome: { failureReason: 'gaveUp' } });
});

function guided(number: number, guidance: string): TrajectoryEvent {
  return { kind: 'guided', number, guidance, elapsedSeconds: 2 };
}

function sent(state: Trajectory): string[] {
  const command = commandOf(state);
  return command?.kind === 'callModel' ? command.messages.map(({ role, content }) => `${role}: ${content}`) : [];
}

test('guidance that comes while the model thinks or a tool runs is read before the next turn, once', () => {
  const early = after(guided(1, 'try trees'));
  // The turn that is under way stays as it is: a repeat of it must be the same request.
  expect(sent(early)).toEqual(sent(after()));
  const acting = after(guided(1, 'try trees'), answered(0, [call('bash', { command: 'ls' })]), guided(2, 'be quick'));
  const [next] = step(acting, toolEnded('c', 3, 'done'));
  expect(sent(next).slice(-3)).toEqual([
    'tool: done',
    expect.stringMatching(/^user: Guidance by the researcher[\s\S]*try trees$/),
    expect.stringMatching(/^user: Guidance by the researcher[\s\S]*be quick$/),
  ]);
  expect(step(next, guided(1, 'try trees'))).toEqual([next, null]);
  expect(step(next, guided(2, 'be quick'))).toEqual([next, null]);
});

test('guidance that comes before the first turn stands behind the brief', () => {
  const state = resume([planned, guided(1, 'try trees'), begun]);
  expect(sent(state).at(-1)).toContain('try trees');
});

const ranking = { count: 2, sketch: 'sketch 2', judge: 'judge {{count}}: {{sketches}}' };

test('ideas are sketched and judged before the first tool call, and the plan outlives the compaction', () => {
  let state = resume([planned, { ...begun, ranking } as TrajectoryEvent]);
  const say = (content: string): void => {
    [state] = step(state, { ...answered(state.usage.turns, []), content });
    const command = commandOf(state);
    if (command?.kind !== 'nudge') throw new Error(`no reply but ${command?.kind}`);
    [state] = step(state, { kind: 'nudged', observation: command.observation, elapsedSeconds: 3 });
  };
  expect(commandOf(state)).toMatchObject({ kind: 'callModel', ranking: 'sketching' });
  expect(sent(state).at(-1)).toBe('user: sketch 2');
  say('{"sketches": ["trees", "linear"]}');
  expect(commandOf(state)).toMatchObject({ kind: 'callModel', turn: 1, ranking: 'judging' });
  say('hm');
  say('{"choice": 2, "reason": "simple"}');
  expect(commandOf(state)).not.toHaveProperty('ranking');
  expect(sent(state).at(-1)).toContain('linear');
  expect(state.exchanges.at(-1)?.told).toHaveLength(1);
  expect(state.usage.turns).toBe(3);
});

test('calls of tools that were not on offer are not run', () => {
  const state = resume([planned, { ...begun, ranking } as TrajectoryEvent]);
  const [next] = step(state, answered(0, [call('bash', { command: 'ls' })]));
  expect(commandOf(next)).toMatchObject({ kind: 'nudge' });
});

const anyCall = fc.record({
  id: fc.constantFrom('', 'a', 'b'),
  name: fc.constantFrom('bash', 'python', 'read_file', 'submit', 'nonsense'),
  argumentsJson: fc.constantFrom(
    '{"command":"ls"}',
    '{"code":"1"}',
    '{',
    '[]',
    '',
    '{"idea":"i","changes":"c"}',
    JSON.stringify({ command: 'x'.repeat(3000) }),
  ),
});
const seconds = fc.integer({ min: 0, max: 700 });
const text = fc.constantFrom('', 'short', 'long '.repeat(2000));
const anyEvent: fc.Arbitrary<(state: Trajectory) => TrajectoryEvent> = fc.oneof(
  fc.record({ calls: fc.array(anyCall, { maxLength: 4 }), elapsed: fc.integer({ min: 0, max: 80 }) }).map(
    ({ calls, elapsed }) =>
      (state: Trajectory): TrajectoryEvent =>
        answered(state.usage.turns, calls, elapsed),
  ),
  fc.tuple(text, seconds).map(([observation, elapsed]) => (state: Trajectory): TrajectoryEvent => {
    const callId = state.phase.kind === 'acting' ? state.phase.calls[0].id : 'none';
    return toolEnded(callId, elapsed, observation);
  }),
  fc
    .constantFrom<TrajectoryEvent>(
      begun,
      planned,
      solutionTaken,
      { kind: 'nudged', observation: 'n', elapsedSeconds: 3 },
      overflow,
      { kind: 'solutionRefused', observation: 'n', elapsedSeconds: 3 },
      executed({ submissionDigest: 'f'.repeat(64) }),
      executed({ end: 'crash', logTail: 'ä'.repeat(9000) }),
      { kind: 'resumed', elapsedSeconds: 0 },
      guided(1, 'try trees'),
      guided(2, 'g'.repeat(9000)),
      { kind: 'stopRequested', reason: 'cancelled', message: 'because', elapsedSeconds: 1 },
      { kind: 'infrastructureFailed', message: 'docker', elapsedSeconds: 1 },
      { kind: 'artifactsStored', artifacts: {}, elapsedSeconds: 1 },
      { kind: 'reported', elapsedSeconds: 1 },
    )
    .map((event) => () => event),
  fc.constant((state: Trajectory): TrajectoryEvent => {
    const command = commandOf(state);
    if (command?.kind === 'conclude') return { kind: 'concluded', elapsedSeconds: 1, ...command.outcome };
    if (command?.kind === 'refuseCall') return { ...command, kind: 'toolRefused', elapsedSeconds: 1 };
    return begun;
  }),
);

test('whatever happens in whatever order, the invariants hold and the transcript gives the same state', () => {
  const limits = { ...planned.limits, contextCharacters: 12_000 };
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 60 }), (events) => {
      let [state] = step(newTrajectory, { ...planned, limits });
      const transcript: TrajectoryEvent[] = [{ ...planned, limits }];
      const first = { ...begun, ...(events.length % 2 === 0 ? { ranking } : {}) } as TrajectoryEvent;
      for (const make of [() => first, ...events]) {
        const event = make(state);
        const [next] = step(state, event);
        if (next !== state) transcript.push(event);
        state = next;
        expect(audit(state)).toEqual([]);
      }
      expect(resume(transcript)).toEqual(state);
    }),
    { numRuns: 300 },
  );
});
