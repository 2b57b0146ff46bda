// The conversation with the model, and how it is made to fit.
//
// Owns: which messages the model is sent.
// Leaves to the transcript: keeping everything. What is shortened here stays whole there.
// Invariants: 1. system message and brief are always sent whole; 2. every tool message follows the assistant message
// that asked for it, so a call never stands without its answer; 3. what has been shortened stays shortened, and is
// shortened well below the budget: the front of the conversation seldom changes, and providers can cache it.

import { keepStart } from './bounded-text.ts';

/** Who says a message. */
export type MessageRole = 'system' | 'user' | 'assistant' | 'tool';

/** A call of a tool as the model wrote it. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** One message of the conversation. */
export interface Message {
  readonly role: MessageRole;
  readonly content: string;
  readonly toolCalls?: readonly ToolCall[];
  readonly toolCallId?: string;
}

/** What the model said, and what it was answered: tool results, or a nudge. */
export interface Exchange {
  readonly said: Message;
  readonly answers: readonly Message[];
  /** What the researcher added meanwhile; it is never shortened nor left out. */
  readonly told?: readonly Message[];
}

/** How much of the conversation is shortened. */
export interface Compaction {
  /** Exchanges at the front of which nothing but a line remains. */
  readonly dropped: number;
  /** Exchanges at the front, the dropped ones included, whose long texts are shortened. */
  readonly shortened: number;
}

export const noCompaction: Compaction = { dropped: 0, shortened: 0 };

/** Newest exchanges that are kept whole where they fit: enough for the last error, its fix and the outcome. */
const wholeExchanges = 6;
/** Share of the budget that remains after a compaction, so that the next one is some turns away. */
const targetShare = 0.6;
/** Share of the budget up to which shortening alone will do. */
const shortenedShare = 0.8;
/** Shorter texts than this are kept: the line that would replace them is hardly shorter. */
const shortText = 400;
const maxGuidanceBytes = 8 * 1024;
/** Dropped exchanges that still get a line each. */
const summaryLines = 60;

/** Guidance as the model reads it; the coordinator bounds all guidance of a run to 8,192 characters. */
export function guidanceMessage(guidance: string): Message {
  const text = keepStart(guidance.trim(), maxGuidanceBytes);
  return {
    role: 'user',
    content: `Guidance by the researcher, given while you work. Take it into account from now on:\n\n${text}`,
  };
}

/** The messages to send. */
export function render(head: readonly Message[], exchanges: readonly Exchange[], compaction: Compaction): Message[] {
  const messages = [...head];
  if (compaction.dropped > 0) {
    const dropped = exchanges.slice(0, compaction.dropped);
    messages.push(summary(dropped), ...dropped.flatMap(({ told = [] }) => told));
  }
  for (const [index, exchange] of exchanges.entries()) {
    if (index < compaction.dropped) continue;
    const shown = index < compaction.shortened ? shorten(exchange) : exchange;
    messages.push(shown.said, ...shown.answers, ...(exchange.told ?? []));
  }
  return messages;
}

/** Characters that the messages take. */
export function characters(messages: readonly Message[]): number {
  let total = 0;
  for (const message of messages) {
    total += message.content.length;
    for (const call of message.toolCalls ?? []) total += call.name.length + call.argumentsJson.length;
  }
  return total;
}

/** The compaction that makes the conversation fit, or as near as the newest exchange allows. */
export function compact(
  head: readonly Message[],
  exchanges: readonly Exchange[],
  current: Compaction,
  budget: number,
): Compaction {
  const size = (compaction: Compaction): number => characters(render(head, exchanges, compaction));
  if (size(current) <= budget) return current;
  const target = budget * targetShare;
  for (let whole = wholeExchanges; whole >= 1; whole -= 1) {
    const keep = Math.max(0, exchanges.length - whole);
    let next: Compaction = { dropped: current.dropped, shortened: Math.max(current.shortened, keep) };
    if (size(next) <= budget * shortenedShare) return next;
    while (size(next) > target && next.dropped < keep) next = { ...next, dropped: next.dropped + 1 };
    if (size(next) <= budget || whole === 1) return next;
  }
  return current;
}

function shorten(exchange: Exchange): Exchange {
  const calls = exchange.said.toolCalls?.map((call) => ({ ...call, argumentsJson: shortArguments(call) }));
  return {
    said: calls === undefined ? exchange.said : { ...exchange.said, toolCalls: calls },
    answers: exchange.answers.map((answer) => ({ ...answer, content: shortObservation(answer.content) })),
  };
}

/** Arguments stay valid JSON: long strings inside are cut, the names stay. */
function shortArguments(call: ToolCall): string {
  if (call.argumentsJson.length <= shortText) return call.argumentsJson;
  try {
    const value: unknown = JSON.parse(call.argumentsJson);
    if (typeof value !== 'object' || value === null) return '{}';
    return JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'string' && member.length > shortText / 2
        ? `${member.slice(0, shortText / 4)} … [${member.length} characters, left out to save context]`
        : member,
    );
  } catch {
    return '{}';
  }
}

function shortObservation(content: string): string {
  if (content.length <= shortText) return content;
  return `${content.slice(0, shortText / 4)}\n[… ${content.length} characters, left out to save context]\n${lastLine(content)}`;
}

function lastLine(content: string): string {
  return content.slice(content.lastIndexOf('\n') + 1).slice(0, shortText / 2);
}

function summary(dropped: readonly Exchange[]): Message {
  const lines = dropped.flatMap((exchange) =>
    (exchange.said.toolCalls ?? []).map((call, index) => {
      const answer = exchange.answers[index];
      return `- ${call.name} ${call.argumentsJson.slice(0, 80)} → ${answer === undefined ? '' : lastLine(answer.content)}`;
    }),
  );
  const left = lines.length - summaryLines;
  const more = left > 0 ? [`- … and ${left} calls before these`] : [];
  const text = [
    `[${dropped.length} earlier exchanges are left out to save context. Your files in /work are as you left them. The calls were:]`,
    ...more,
    ...lines.slice(-summaryLines),
  ];
  return { role: 'user', content: text.join('\n') };
}
