// The invariants of a trajectory, as a list of those that do not hold. Property tests call it after every event.

import { utf8Bytes } from './bounded-text.ts';
import { commandOf } from './command.ts';
import { characters, render } from './conversation.ts';
import { maxFailureMessageBytes, maxNoteBytes } from './outcome.ts';
import type { Trajectory } from './trajectory.ts';

/** Broken invariants in plain words; empty where all hold. */
export function audit(state: Trajectory): string[] {
  return [...auditPhase(state), ...auditBudgets(state), ...auditConversation(state)];
}

function auditPhase(state: Trajectory): string[] {
  const broken: string[] = [];
  const { kind } = state.phase;
  const rest = kind === 'new' || kind === 'ended';
  if (rest !== (commandOf(state) === null)) broken.push(`phase ${kind} must have exactly one command unless at rest`);
  const decided = kind === 'storing' || kind === 'reporting' || kind === 'ended';
  if (decided !== (state.concluded !== null)) broken.push(`phase ${kind}, concluded ${state.concluded !== null}`);
  if (kind === 'executing' && state.solutionDigest === null) broken.push('a clean-slate run without a solution');
  if (state.concluded !== null && state.concluded.failureReason === undefined) {
    if (state.executed?.submissionDigest === undefined) broken.push('success without a submission');
  }
  if (utf8Bytes(state.note) > maxNoteBytes) broken.push('the note is too long');
  if (utf8Bytes(state.concluded?.failureMessage ?? '') > maxFailureMessageBytes) broken.push('the message is too long');
  return broken;
}

function auditBudgets(state: Trajectory): string[] {
  const broken: string[] = [];
  const limits = state.planned?.limits;
  if (limits === undefined) return broken;
  if (state.usage.turns > limits.turns) broken.push('more turns than allowed');
  if (state.phase.kind === 'thinking') {
    if (state.usage.turns >= limits.turns) broken.push('thinking without a turn left');
    if (limits.tokens > 0 && state.usage.outputTokens >= limits.tokens) broken.push('thinking without tokens left');
    if (state.elapsedSeconds >= limits.trajectorySeconds) broken.push('thinking without time left');
  }
  return broken;
}

function auditConversation(state: Trajectory): string[] {
  const broken: string[] = [];
  if (state.phase.kind === 'thinking' && state.head.length > 0 && unheard(state)) broken.push('guidance was left out');
  if (state.phase.kind !== 'thinking' || state.planned === null) return broken;
  const messages = render(state.head, state.exchanges, state.compaction);
  const open = new Set<string>();
  for (const message of messages) {
    if (message.role === 'tool') {
      if (!open.delete(message.toolCallId ?? '')) broken.push('an answer to a call that was not asked');
    } else if (open.size > 0) broken.push('a call without an answer');
    for (const call of message.toolCalls ?? []) open.add(call.id);
  }
  if (open.size > 0) broken.push('the last call has no answer');
  const newest = characters(render(state.head, state.exchanges.slice(-1), { dropped: 0, shortened: 0 }));
  const told = characters([...state.head.slice(2), ...state.exchanges.flatMap((exchange) => exchange.told ?? [])]);
  const bound = Math.max(state.planned.limits.contextCharacters, newest + 8192) + told;
  if (characters(messages) > bound) broken.push('the conversation does not fit');
  return broken;
}

/** Whether something that was told is not part of what the model is sent. */
function unheard(state: Trajectory): boolean {
  const sent = new Set(render(state.head, state.exchanges, state.compaction));
  return state.exchanges.some(({ told = [] }) => told.some((message) => !sent.has(message)));
}
