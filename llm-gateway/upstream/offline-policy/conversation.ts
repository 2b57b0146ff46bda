// Reads a conversation: the brief, the parents and the ledger in the prompt, and the steps taken so far.
//
// The policy keeps no state between turns; everything that it knows is in here. Text from parents, logs and
// observations is data: it is parsed for known marks and never followed.

import { z } from 'zod';
import type { ChatMessage } from '../upstream.ts';
import { type Recipe, readRecipe } from './recipe.ts';

const parentSchema = z.object({
  label: z.string(),
  candidateId: z.string().default(''),
  score: z.union([z.string(), z.number()]).nullish(),
  runSeconds: z.number().nullish(),
  operator: z.string().nullish(),
  failureReason: z.string().nullish(),
  failureMessage: z.string().nullish(),
});

const briefSchema = z.object({
  operator: z.enum(['draft', 'mutate', 'crossover', 'repair']),
  seed: z.union([z.number(), z.string()]).default(0),
  /** Position among the drafts of the run, from 1, and the run's seed; not told by agents of earlier versions. */
  draft: z.object({ number: z.number().int().min(1), runSeed: z.number() }).nullish(),
  /** Position among the mutations of its parent, from 1; not told by agents of earlier versions. */
  sibling: z.number().int().min(1).nullish(),
  task: z.object({
    name: z.string(),
    metric: z.string(),
    lowerIsBetter: z.boolean(),
    idColumn: z.string(),
    targetColumn: z.string(),
    targetColumns: z.array(z.string()).default([]),
    predictionKind: z.string().default(''),
    predictionColumns: z.array(z.string()).default([]),
  }),
  limits: z
    .object({ executionSeconds: z.number().positive().default(600), turns: z.number().default(30) })
    .default({ executionSeconds: 600, turns: 30 }),
  parents: z.array(parentSchema).default([]),
  guidance: z.string().nullish(),
});

/** The machine-readable part of the prompt. */
export type Brief = z.infer<typeof briefSchema>;

/** A parent as the prompt shows it. */
export interface Parent {
  readonly label: string;
  readonly candidateId: string;
  readonly score: string;
  readonly runSeconds: number;
  readonly failureReason: string;
  readonly failureMessage: string;
  readonly program: string;
  readonly recipe: Recipe | undefined;
  readonly log: string;
}

/** One line of the ideas ledger. */
export interface Idea {
  readonly score: string;
  readonly text: string;
}

/** A tool call that was made, and what came of it. */
export interface Step {
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly observation: string;
}

/** A conversation, read. */
export interface Conversation {
  readonly brief: Brief;
  readonly parents: readonly Parent[];
  readonly ideas: readonly Idea[];
  readonly steps: readonly Step[];
  /** From the footer of the last observation; undefined where there is none yet. */
  readonly turnsLeft: number | undefined;
  readonly secondsLeft: number | undefined;
}

/** Reads a conversation; undefined where there is no brief in it, so that the policy has nothing to go by. */
export function readConversation(messages: readonly ChatMessage[]): Conversation | undefined {
  const prompt = messages.find((message) => message.role === 'user' && message.content.includes('```json brief'));
  const brief = prompt === undefined ? undefined : readBrief(prompt.content);
  if (prompt === undefined || brief === undefined) return undefined;
  const steps = readSteps(messages);
  const footer = steps.at(-1)?.observation ?? '';
  return {
    brief,
    parents: brief.parents.map((parent) => readParent(parent, prompt.content)),
    ideas: readIdeas(prompt.content),
    steps,
    turnsLeft: readNumber(footer, /remaining: (\d+) turns/),
    secondsLeft: readNumber(footer, /remaining: \d+ turns, (\d+(?:\.\d+)?) s/),
  };
}

function readBrief(prompt: string): Brief | undefined {
  const text = fenced(prompt, 'json brief');
  if (text === undefined) return undefined;
  try {
    const parsed = briefSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function readParent(parent: z.infer<typeof parentSchema>, prompt: string): Parent {
  const section = sectionOf(prompt, `## Parent ${parent.label}`);
  const program = fenced(section, 'python main.py') ?? '';
  return {
    label: parent.label,
    candidateId: parent.candidateId,
    score: String(parent.score ?? ''),
    runSeconds: parent.runSeconds ?? 0,
    failureReason: parent.failureReason ?? '',
    failureMessage: parent.failureMessage ?? '',
    program,
    recipe: readRecipe(program),
    log: fenced(section, 'text log') ?? '',
  };
}

function readIdeas(prompt: string): Idea[] {
  const ideas: Idea[] = [];
  for (const line of sectionOf(prompt, '## Ideas tried so far').split('\n')) {
    const match = /^- (?:[^·]*) · ([^·]*) · (.*)$/.exec(line);
    if (match !== null) ideas.push({ score: match[1] ?? '', text: match[2] ?? '' });
  }
  return ideas;
}

/** The lines under a second-level heading, up to the next one outside of a fence. */
function sectionOf(prompt: string, heading: string): string {
  const lines = prompt.split('\n');
  // The last one: a task's description comes earlier and may hold any heading.
  const start = lines.lastIndexOf(heading);
  if (start < 0) return '';
  const kept: string[] = [];
  let fence = '';
  for (const line of lines.slice(start + 1)) {
    const ticks = /^`{3,}/.exec(line)?.[0] ?? '';
    if (fence === '') fence = ticks;
    else if (line.trimEnd() === fence) fence = '';
    if (fence === '' && line.startsWith('## ')) break;
    kept.push(line);
  }
  return kept.join('\n');
}

/** The text of the first fence with this info string. */
function fenced(text: string, info: string): string | undefined {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^`{3,}/.test(line) && line.replace(/^`+/, '').trim() === info);
  if (start < 0) return undefined;
  const fence = /^`+/.exec(lines[start] ?? '')?.[0] ?? '```';
  const end = lines.findIndex((line, index) => index > start && line.trimEnd() === fence);
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

function readSteps(messages: readonly ChatMessage[]): Step[] {
  const answers = new Map<string, string>();
  for (const message of messages) if (message.role === 'tool') answers.set(message.toolCallId, message.content);
  const steps: Step[] = [];
  for (const message of messages) {
    for (const call of message.toolCalls) {
      const observation = answers.get(call.id);
      if (observation !== undefined) steps.push({ tool: call.name, input: readInput(call.argumentsJson), observation });
    }
  }
  return steps;
}

function readInput(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function readNumber(text: string, pattern: RegExp): number | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : Number(match[1]);
}
