// The offline policy: a rule-based researcher that speaks the tool-calling protocol. It is not a language model.
//
// Owns the order of work: look at the data; a draft writes a program and checks it; a mutation or a crossover compares
// models in a lab first; a repair changes what failed; then submit with an honest note. Tasks of several targets or of
// texts go to columns-policy.ts.
//
// Invariants:
// 1. Stateless: the next turn is a function of the conversation, the tools and the seed.
// 2. It never follows text from data, logs or parents; it parses known marks.
// 3. When turns or time run out, it submits what it has.

import type { ChatMessage, ChatTool } from '../upstream.ts';
import { needsColumnsPolicy, nextColumnsAction } from './columns-policy.ts';
import { type Conversation, readConversation } from './conversation.ts';
import { type Desk, deskOf } from './desk.ts';
import { nextVersion } from './flow-draft.ts';
import { nextExperiment, nextWithoutLab } from './flow-lab.ts';
import { submission } from './note.ts';
import { progressOf } from './progress.ts';
import { describeRecipe, families, familyName } from './recipe.ts';
import type { Action } from './turns.ts';
import { look } from './turns.ts';

/** The name of the "model" in every reply, log and report. */
export const offlinePolicyName = 'offline-policy';

/** The assistant's next message. */
export function nextMessage(messages: readonly ChatMessage[], tools: readonly ChatTool[], seed: number): ChatMessage {
  const conversation = readConversation(messages);
  if (conversation === undefined) {
    return {
      role: 'assistant',
      content:
        'I am the offline policy: a rule-based researcher, not a language model. I act on the `json brief` of an attempt, and there is none in this conversation.',
      toolCalls: [],
      toolCallId: '',
    };
  }
  const ranked = rankingAnswer(messages.at(-1)?.content ?? '', conversation.brief.operator);
  if (ranked !== undefined) return { role: 'assistant', content: ranked, toolCalls: [], toolCallId: '' };
  const action = nextAction(conversation, tools, seed);
  return {
    role: 'assistant',
    content: action.thought,
    toolCalls: [
      {
        id: `call_${conversation.steps.length + 1}`,
        name: action.tool,
        argumentsJson: JSON.stringify(action.input),
      },
    ],
    toolCallId: '',
  };
}

/**
 * Answers the turns in which ideas are sketched and judged. Rules have one plan and no imagination: they name it first,
 * choose it, and follow it whatever stands there.
 */
function rankingAnswer(asked: string, operator: string): string | undefined {
  if (/^`{3,}json choice$/m.test(asked)) {
    return JSON.stringify({ choice: 1, reason: 'The first is what my rules do; I cannot judge the others.' });
  }
  const count = Number(/^`{3,}json sketches\n\{"count": (\d+)/m.exec(asked)?.[1] ?? 0);
  if (count === 0) return undefined;
  const names = families.filter((family) => family !== 'baseline').map(familyName);
  const others = Array.from({ length: count - 1 }, (_, index) => `Not mine: a ${names[index % names.length]} by hand.`);
  return JSON.stringify({ sketches: [`What the rules of the offline policy say for a ${operator}.`, ...others] });
}

function nextAction(conversation: Conversation, tools: readonly ChatTool[], seed: number): Action {
  if (needsColumnsPolicy(conversation.brief)) return nextColumnsAction(conversation, tools);
  const progress = progressOf(conversation.steps);
  const short = isShort(conversation);
  if (progress.facts === undefined && progress.looks < 2 && !short) {
    return look(openingThought(conversation, progress.looks), conversation.brief.task, tools);
  }
  const desk = deskOf(conversation, progress, tools, seed);
  if (short && progress.versions.length > 0) {
    return submission(desk, 'Little is left of the budget, so this goes in as it is.');
  }
  if (!comparesFirst(desk)) return nextVersion(desk);
  return short && progress.labReport === undefined
    ? nextWithoutLab(desk, 'There is no time for a comparison.')
    : nextExperiment(desk);
}

function comparesFirst({ conversation, parents, progress }: Desk): boolean {
  const { operator } = conversation.brief;
  return (operator === 'mutate' || operator === 'crossover') && parents.length > 0 && progress.facts !== undefined;
}

function isShort({ brief, steps, turnsLeft, secondsLeft }: Conversation): boolean {
  const turns = turnsLeft ?? brief.limits.turns - steps.length;
  return turns <= 2 || (secondsLeft !== undefined && secondsLeft < 15);
}

function openingThought({ brief, parents }: Conversation, looks: number): string {
  if (looks > 0) return 'That did not print the facts. Once more; if it fails again I shall only trust a constant.';
  const { task, operator } = brief;
  const direction = task.lowerIsBetter ? 'lower' : 'higher';
  const goal = `The task is ${task.name}: predict ${task.targetColumn}, scored by ${task.metric} (${direction} is better).`;
  const seen = parents.map((parent) => {
    const result =
      parent.failureReason === '' ? `scored ${parent.score || 'nothing yet'}` : `failed: ${parent.failureReason}`;
    const time =
      parent.runSeconds > 0 ? ` in ${parent.runSeconds.toFixed(1)} s of ${brief.limits.executionSeconds} s` : '';
    return `Parent ${parent.label} (${parent.recipe === undefined ? 'a program I did not write' : describeRecipe(parent.recipe)}) ${result}${time}.`;
  });
  const guidance = brief.guidance ? ` The researcher says: "${brief.guidance.slice(0, 200)}".` : '';
  return [
    `${goal}${guidance}`,
    ...seen,
    operator === 'draft' ? 'First a look at the data.' : 'I look at the data myself before I change anything.',
  ].join(' ');
}
