// The trajectory of one attempt: Reason, Act, Observe, until `submit`; then one clean-slate run; then the report.
//
//   new ─ preparing ─ thinking ⇄ acting ─ taking ─ executing ─ concluding ─ storing ─ reporting ─ ended
//                        ▲                  │                      ▲
//                        └── no solution ───┘      any failure or stop before it
//
// Owns: what comes next, the budgets, the conversation, when a model is going round in circles.
// Leaves to the attempt's actor: doing it, measuring it, and having each event in the book before `step` is obeyed.
// Invariants:
// 1. Each phase has exactly one command, and it is a function of the state: whoever has the state can go on.
// 2. An event that does not fit the phase changes nothing and asks for nothing: late and repeated events are harmless.
// 3. `ended` comes after `concluded`, exactly once, whatever happens.
// 4. A refit goes from preparing to executing: no model is asked.
// 5. No model call beyond the limits of turns, tokens and time.
// 6. Guidance that was added while the attempt runs is told once, before the next turn, and stays in the conversation.

import { canonicalJson } from '../../shared/core/canonical-json.ts';
import type { Usage } from '../../shared/core/vocabulary.ts';
import { type Command, commandOf } from './command.ts';
import {
  characters,
  compact,
  type Exchange,
  guidanceMessage,
  type Message,
  render,
  type ToolCall,
} from './conversation.ts';
import { boundedFailure, failureOf, noteOf } from './outcome.ts';
import { beginRanking, type RankingPrompts, rank } from './ranking.ts';
import { parseToolCall } from './tool-catalogue.ts';
import { limitsOf, newTrajectory, type Trajectory, undecided, type Verdict } from './trajectory.ts';
import type { Executed, Failure, ModelAnswered, TrajectoryEvent } from './trajectory-event.ts';

/** Blueprint and issue: the same call with the same arguments so often in a row is a loop. The fifth is not run. */
export const loopCalls = 5;
/** Answers without a tool call in a row after which nothing is to be hoped for. */
export const maxSilentAnswers = 4;
/** Shortenings in a row after which a model is too small for the work: 0.6⁵ is a thirteenth of the configured limit. */
export const maxOverflows = 5;
/** Share of a conversation that was too long which is tried next. */
const overflowShare = 0.6;
/** Calls in one answer that are run; more is a malfunction. */
const maxCallsPerAnswer = 16;

/** The state after the event, and what is to be done now. */
export function step(state: Trajectory, event: TrajectoryEvent): readonly [Trajectory, Command | null] {
  const timed = { ...state, elapsedSeconds: Math.max(state.elapsedSeconds, event.elapsedSeconds) };
  const next = apply(timed, event);
  return next === timed ? [state, null] : [next, commandOf(next)];
}

/** The state after all entries of a transcript. */
export function resume(entries: Iterable<TrajectoryEvent>): Trajectory {
  let state = newTrajectory;
  for (const entry of entries) [state] = step(state, entry);
  return state;
}

function apply(state: Trajectory, event: TrajectoryEvent): Trajectory {
  switch (event.kind) {
    case 'planned':
      return state.phase.kind === 'new' ? { ...state, planned: event, phase: { kind: 'preparing' } } : state;
    case 'begun':
      return state.phase.kind === 'preparing' ? begin(state, event.messages, event.ranking) : state;
    case 'modelAnswered':
      return state.phase.kind === 'thinking' ? answered(state, event) : state;
    case 'modelFailed':
      if (state.phase.kind !== 'thinking') return state;
      return conclude(state, { reason: event.reason, message: event.message });
    case 'contextOverflowed':
      return state.phase.kind === 'thinking' ? overflowed(state, event.message) : state;
    case 'toolEnded':
    case 'toolRefused':
      return observed(state, event);
    case 'nudged':
      return state.phase.kind === 'nudging' ? settle(nudged(state, event.observation), []) : state;
    case 'guided':
      if (!undecided(state) || event.number <= state.guided) return state;
      return { ...state, guided: event.number, untold: [...state.untold, event.guidance] };
    case 'solutionTaken':
      // A refit has no trajectory: it begins with a solution that is there.
      if (state.phase.kind !== 'taking' && !(state.phase.kind === 'preparing' && state.planned?.operator === 'refit'))
        return state;
      return {
        ...state,
        solutionDigest: event.digest,
        codeDigest: event.codeDigest ?? null,
        phase: { kind: 'executing' },
      };
    case 'solutionRefused': {
      if (state.phase.kind !== 'taking') return state;
      const message: Message = { role: 'tool', content: event.observation, toolCallId: state.phase.call.id };
      return settle(answer({ ...state, note: '' }, message), []);
    }
    case 'executed':
      return state.phase.kind === 'executing' ? executed(state, event) : state;
    case 'concluded':
      return state.phase.kind === 'concluding' ? { ...state, concluded: event, phase: { kind: 'storing' } } : state;
    case 'artifactsStored':
      if (state.phase.kind !== 'storing') return state;
      return { ...state, artifacts: event.artifacts, phase: { kind: 'reporting' } };
    case 'reported':
      return state.phase.kind === 'reporting' ? { ...state, phase: { kind: 'ended' } } : state;
    case 'resumed':
      if (state.phase.kind === 'new' || state.phase.kind === 'ended') return state;
      return { ...state, rerun: true };
    case 'infrastructureFailed':
      return stop(state, { reason: 'infrastructure', message: event.message });
    case 'stopRequested':
      return stop(state, { reason: event.reason, message: event.message });
  }
}

function stop(state: Trajectory, failure: Failure): Trajectory {
  return undecided(state) ? conclude(state, failure) : state;
}

function conclude(state: Trajectory, failure: Failure | null): Trajectory {
  return { ...state, phase: { kind: 'concluding', failure: failure === null ? null : boundedFailure(failure) } };
}

function begin(state: Trajectory, head: readonly Message[], ranking: RankingPrompts | undefined): Trajectory {
  if (ranking === undefined) return settle({ ...state, head }, []);
  const asked: Message = { role: 'user', content: ranking.sketch };
  return settle({ ...state, head: [...head, asked], ranking: beginRanking(ranking) }, []);
}

/** What was said to an answer without a call. A plan stays in the conversation whatever is left out of it. */
function nudged(state: Trajectory, observation: string): Trajectory {
  const message: Message = { role: 'user', content: observation };
  const last = state.exchanges.at(-1);
  const heard = { ...state, reply: null };
  if (state.reply?.isPlan !== true || last === undefined) return answer(heard, message);
  return { ...heard, exchanges: [...state.exchanges.slice(0, -1), { ...last, told: [...(last.told ?? []), message] }] };
}

function answered(state: Trajectory, event: ModelAnswered): Trajectory {
  const calls = state.ranking === null ? usableCalls(event) : [];
  const said: Message = {
    role: 'assistant',
    content: event.content,
    ...(calls.length > 0 ? { toolCalls: calls } : {}),
  };
  const usage: Usage = {
    ...state.usage,
    turns: state.usage.turns + 1,
    inputTokens: state.usage.inputTokens + event.inputTokens,
    outputTokens: state.usage.outputTokens + event.outputTokens,
    dollars: state.usage.dollars + event.dollars,
  };
  const heard = { ...state, usage, overflows: 0, rerun: false, exchanges: [...state.exchanges, { said, answers: [] }] };
  if (calls.length > 0) return settle({ ...heard, silentAnswers: 0 }, calls);
  if (state.ranking !== null) {
    const { next = null, reply: text, isPlan } = rank(state.ranking, event.content);
    return spent(heard, false) ?? { ...heard, ranking: next, reply: { text, isPlan }, phase: { kind: 'nudging' } };
  }
  const silent = { ...heard, silentAnswers: state.silentAnswers + 1 };
  if (silent.silentAnswers >= maxSilentAnswers) {
    return conclude(silent, {
      reason: 'gaveUp',
      message: `The model called no tool in ${maxSilentAnswers} answers in a row.`,
    });
  }
  return spent(silent, false) ?? { ...silent, phase: { kind: 'nudging' } };
}

/** Calls with distinct ids, up to the first submit: it ends the work, and calls after it would never be answered. */
function usableCalls(event: ModelAnswered): ToolCall[] {
  const seen = new Set<string>();
  const calls: ToolCall[] = [];
  for (const [index, call] of event.toolCalls.slice(0, maxCallsPerAnswer).entries()) {
    const id = call.id === '' || seen.has(call.id) ? `call-${event.turn}-${index}` : call.id;
    seen.add(id);
    calls.push({ ...call, id });
    if (call.name === 'submit') break;
  }
  return calls;
}

function observed(
  state: Trajectory,
  event: Extract<TrajectoryEvent, { kind: 'toolEnded' | 'toolRefused' }>,
): Trajectory {
  if (state.phase.kind !== 'acting' || state.phase.calls[0].id !== event.callId) return state;
  const rest = state.phase.calls.slice(1);
  const next = answer(state, { role: 'tool', content: event.observation, toolCallId: event.callId });
  if (event.kind === 'toolRefused') return settle(next, rest);
  const usage: Usage = {
    ...next.usage,
    slotSeconds: next.usage.slotSeconds + event.slotSeconds,
    peakMemoryBytes: Math.max(next.usage.peakMemoryBytes, event.peakMemoryBytes),
  };
  const waitedSeconds = next.waitedSeconds + event.waitedSeconds;
  return settle({ ...next, usage, waitedSeconds, rerun: false }, rest);
}

function executed(state: Trajectory, event: Executed): Trajectory {
  const usage: Usage = {
    ...state.usage,
    slotSeconds: state.usage.slotSeconds + event.wallSeconds,
    cpuSeconds: state.usage.cpuSeconds + event.cpuSeconds,
    peakMemoryBytes: Math.max(state.usage.peakMemoryBytes, event.peakMemoryBytes),
  };
  const waitedSeconds = state.waitedSeconds + event.waitedSeconds;
  return conclude({ ...state, usage, waitedSeconds, executed: event }, failureOf(event));
}

/** Adds an answer to the newest exchange. */
function answer(state: Trajectory, message: Message): Trajectory {
  const last = state.exchanges.at(-1);
  if (last === undefined) return state;
  const grown: Exchange = { ...last, answers: [...last.answers, message] };
  return { ...state, exchanges: [...state.exchanges.slice(0, -1), grown] };
}

/** What is next: the first of the calls that wait, another turn of the model, or the end for want of budget. */
function settle(state: Trajectory, calls: readonly ToolCall[]): Trajectory {
  const [call, ...rest] = calls;
  const out = spent(
    state,
    calls.some((waiting) => waiting.name === 'submit'),
  );
  if (out !== null) return out;
  if (call === undefined) return think(state);
  const signature = signatureOf(call);
  const count = signature === state.repeat.signature ? state.repeat.count + 1 : 1;
  const counted = { ...state, repeat: { signature, count } };
  if (count > loopCalls) {
    const message = `The model made the same call ${count} times in a row: ${call.name} ${call.argumentsJson.slice(0, 200)}`;
    return conclude(counted, { reason: 'gaveUp', message });
  }
  const parsed = parseToolCall(call.name, call.argumentsJson, { scores: (limitsOf(state).scoreQueries ?? 0) > 0 });
  if (parsed.ok && parsed.value.tool === 'submit') {
    return { ...counted, note: noteOf(parsed.value), phase: { kind: 'taking', call } };
  }
  return { ...counted, phase: { kind: 'acting', calls: [call, ...rest], verdict: judge(parsed, count) } };
}

function judge(parsed: ReturnType<typeof parseToolCall>, count: number): Verdict {
  if (!parsed.ok) return { kind: 'refuse', observation: parsed.error };
  if (count < loopCalls) return { kind: 'run', request: parsed.value };
  const observation =
    `This is the same call with the same arguments for the ${count}th time in a row, so it was not run: ` +
    'its outcome is above. Do something else: change the approach, or submit what you have. ' +
    'One more repetition ends the attempt without a result. To wait for a background job, sleep longer within one call.';
  return { kind: 'refuse', observation };
}

function think(before: Trajectory): Trajectory {
  const state = before.untold.length === 0 ? before : tellGuidance(before);
  const budget = state.contextCharacters ?? limitsOf(state).contextCharacters;
  const compaction = compact(state.head, state.exchanges, state.compaction, budget);
  return { ...state, compaction, phase: { kind: 'thinking' } };
}

/** Puts what the researcher added behind the newest exchange, or behind the brief where there is none yet. */
function tellGuidance(state: Trajectory): Trajectory {
  const told = state.untold.map(guidanceMessage);
  const last = state.exchanges.at(-1);
  if (last === undefined) return { ...state, untold: [], head: [...state.head, ...told] };
  const grown: Exchange = { ...last, told: [...(last.told ?? []), ...told] };
  return { ...state, untold: [], exchanges: [...state.exchanges.slice(0, -1), grown] };
}

/** Asks again with a shorter conversation. What the model turned out to hold is not tried beyond again. */
function overflowed(state: Trajectory, message: string): Trajectory {
  const out = spent(state, false);
  if (out !== null) return out;
  const overflows = state.overflows + 1;
  if (overflows > maxOverflows) {
    return conclude(state, { reason: 'gaveUp', message: `The conversation does not fit the model: ${message}` });
  }
  const sent = characters(render(state.head, state.exchanges, state.compaction));
  const shorter = think({ ...state, overflows, contextCharacters: Math.floor(sent * overflowShare) });
  // The newest exchange, kept whole so far, is what is too long: better to read its end again than to give up.
  if (
    shorter.compaction.shortened > state.compaction.shortened ||
    shorter.compaction.dropped > state.compaction.dropped
  )
    return shorter;
  return { ...shorter, compaction: { ...state.compaction, shortened: state.exchanges.length } };
}

/** The end for want of budget, or null. A submit that waits is let through: its turn was paid for. */
function spent(state: Trajectory, submitWaits: boolean): Trajectory | null {
  if (submitWaits) return null;
  const limits = limitsOf(state);
  const gaveUp = (what: string): Trajectory =>
    conclude(state, { reason: 'gaveUp', message: `The trajectory used up its ${what} without a submit.` });
  if (state.usage.turns >= limits.turns) return gaveUp(`${limits.turns} turns`);
  if (limits.tokens > 0 && state.usage.outputTokens >= limits.tokens) return gaveUp(`${limits.tokens} output tokens`);
  if (state.elapsedSeconds >= limits.trajectorySeconds) return gaveUp(`${limits.trajectorySeconds} s`);
  return null;
}

function signatureOf(call: ToolCall): string {
  try {
    return `${call.name} ${canonicalJson(JSON.parse(call.argumentsJson))}`;
  } catch {
    return `${call.name} ${call.argumentsJson}`;
  }
}
