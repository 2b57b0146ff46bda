// Rank before running: the model sketches k ideas, a judge turn picks one, and only that one is worked on.
//
// Owns: what the two turns must answer, and what follows from an answer. Leaves to prompts/sketch.md and judge.md the words,
// to react.ts the turns. Invariants: 1. each turn is asked at most three times; 2. it never ends an attempt: without sketches
// the work begins as if nothing had been asked, without a choice the first sketch is taken.

import { objectIn } from '../../shared/core/json-object.ts';
import { keepStart } from './bounded-text.ts';
import { fill } from './brief.ts';

/** Answers that may be asked for again, for each of the two turns. */
const mostRepairs = 2;
/** A sketch is a few sentences. */
const maxSketchBytes = 1200;

/** What the transcript's first messages say about ranking; absent where there is none. */
export interface RankingPrompts {
  readonly count: number;
  readonly sketch: string;
  /** With the placeholder {{sketches}}. */
  readonly judge: string;
}

/** Where the ranking stands. */
export interface Ranking {
  readonly stage: 'sketching' | 'judging';
  readonly prompts: RankingPrompts;
  readonly sketches: readonly string[];
  /** Answers in a row that could not be read. */
  readonly repairs: number;
}

/** What is said to an answer. */
export interface RankingStep {
  /** Undefined where the work begins. */
  readonly next: Ranking | undefined;
  readonly reply: string;
  /** True where the reply is the plan, which stays in the conversation. */
  readonly isPlan: boolean;
}

export function beginRanking(prompts: RankingPrompts): Ranking {
  return { stage: 'sketching', prompts, sketches: [], repairs: 0 };
}

/** What follows from an answer of the model. Total: any text leads on. */
export function rank(ranking: Ranking, answer: string): RankingStep {
  return ranking.stage === 'sketching' ? takeSketches(ranking, answer) : takeChoice(ranking, answer);
}

function takeSketches(ranking: Ranking, answer: string): RankingStep {
  const sketches = sketchesIn(answer).slice(0, ranking.prompts.count);
  const [first] = sketches;
  if (sketches.length > 1) {
    const list = sketches.map((sketch, index) => `${index + 1}. ${sketch}`).join('\n\n');
    const reply = fill(ranking.prompts.judge, { sketches: list, count: String(sketches.length) });
    return { next: { ...ranking, stage: 'judging', sketches, repairs: 0 }, reply, isPlan: false };
  }
  if (first !== undefined) return planOf(first, 'There is one sketch, so it is the one to work on.');
  if (ranking.repairs < mostRepairs) {
    const what = '{"sketches": ["…", "…"]}';
    return again(
      ranking,
      `no sketches can be read from this answer. Answer with one JSON object like ${what} and nothing else.`,
    );
  }
  return {
    next: undefined,
    reply: 'No sketches could be read. Begin with the work as you see fit, with a tool call.',
    isPlan: false,
  };
}

function takeChoice(ranking: Ranking, answer: string): RankingStep {
  const { sketches } = ranking;
  const { choice, reason } = objectIn(answer) ?? {};
  const chosen = sketches[Number(choice) - 1];
  if (chosen !== undefined) {
    const why = typeof reason === 'string' && reason.trim() !== '' ? ` (${keepStart(reason.trim(), 600)})` : '';
    return planOf(chosen, `Sketch ${Number(choice)} was chosen${why}.`);
  }
  if (ranking.repairs < mostRepairs) {
    const what = `{"choice": N, "reason": "…"} with N from 1 to ${sketches.length}`;
    return again(
      ranking,
      `no choice can be read from this answer. Answer with one JSON object ${what} and nothing else.`,
    );
  }
  return planOf(sketches[0] ?? '', 'No choice could be read, so the first sketch is taken.');
}

function again(ranking: Ranking, problem: string): RankingStep {
  return { next: { ...ranking, repairs: ranking.repairs + 1 }, reply: `Once more: ${problem}`, isPlan: false };
}

function planOf(sketch: string, because: string): RankingStep {
  const reply = `${because} Your plan for this attempt:\n\n${sketch}\n\nCarry it out now, with the tools. Leave it only where what you measure speaks against it.`;
  return { next: undefined, reply, isPlan: true };
}

/** Strings, or objects whose texts are put together. */
function sketchesIn(answer: string): string[] {
  const { sketches } = objectIn(answer) ?? {};
  if (!Array.isArray(sketches)) return [];
  return sketches.flatMap((item: unknown) => {
    const parts = typeof item === 'object' && item !== null ? Object.values(item) : [item];
    const text = parts
      .filter((part) => typeof part === 'string')
      .join(' ')
      .replace(/\s+/g, ' ')
      .trim();
    return text === '' ? [] : [keepStart(text, maxSketchBytes)];
  });
}

/** What the answers of a stage look like, for endpoints that can hold a model to it. */
export const rankingSchemas: Readonly<Record<Ranking['stage'], string>> = {
  sketching: JSON.stringify({
    type: 'object',
    properties: { sketches: { type: 'array', items: { type: 'string' } } },
    required: ['sketches'],
    additionalProperties: false,
  }),
  judging: JSON.stringify({
    type: 'object',
    properties: { choice: { type: 'integer' }, reason: { type: 'string' } },
    required: ['choice', 'reason'],
    additionalProperties: false,
  }),
};
