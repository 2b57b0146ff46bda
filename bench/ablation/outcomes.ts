// What a run of an arm came to, kept as it comes: stopped and called again, a bench goes on where it was. Each is kept under
// a digest of what made it, so that figures of two policies or of two sets of limits are never mixed.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { resultPath } from '../results.ts';
import { type ArmName, armNames, type PeerName, peerNames, runWords, width } from './arms.ts';
import { type TaskName, taskNames } from './tasks.ts';

const candidateSchema = z.object({
  number: z.number(),
  operator: z.string(),
  /** Numbers of the candidates that it was made from. */
  parents: z.array(z.number()),
  /** Seconds that its attempt took. */
  took: z.number(),
  /** Seconds from the run's begin to its end. */
  seconds: z.number(),
  /** Slot-seconds that the run had used when it ended. */
  slotSeconds: z.number(),
  /** What the search went by. */
  fitness: z.number(),
  standardError: z.number(),
  /** On the official test rows; nothing was selected by it. */
  test: z.number(),
});

const outcomeSchema = z.object({
  key: z.string(),
  task: z.enum(taskNames),
  seed: z.number(),
  arm: z.enum([...armNames, ...peerNames]),
  failed: z.number(),
  seconds: z.number(),
  slotSeconds: z.number(),
  lowerIsBetter: z.boolean(),
  /** Validation score of a trivial baseline; absent where there is none. */
  baseline: z.number().optional(),
  /** What is said of what is handed in: its cross-fitted validation score, or its own metric where nobody else looked. */
  reported: z.number(),
  ensemble: z.boolean(),
  /** Validation score of the best single program by validation. */
  single: z.number().optional(),
  /** Official test score of what is handed in, and of the best single program. */
  test: z.number(),
  singleTest: z.number().optional(),
  /** Scored candidates in the order in which they ended. */
  candidates: z.array(candidateSchema),
});

export type Outcome = z.infer<typeof outcomeSchema>;
export type Planned = Pick<Outcome, 'task' | 'seed' | 'arm'>;
export type ArmOrPeer = ArmName | PeerName;

const root = join(import.meta.dirname, '..', '..');

/** Names what outcomes were made with: the policy, the limits and the arms. */
export function outcomeKey(): string {
  const folder = join(root, 'llm-gateway', 'upstream', 'offline-policy');
  const hash = createHash('sha256').update(JSON.stringify([runWords, width]));
  const sources = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.includes('test'));
  for (const name of sources.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Outcomes that the documents quote are kept with the sources; new ones come beside them. */
const recordedPath = join(import.meta.dirname, 'recorded-runs.jsonl');
const newPath = resultPath('ablation-runs.jsonl');

/** All that is known of a key, each run once. */
export function knownOutcomes(key: string): Outcome[] {
  const all = [...readOutcomes(recordedPath, key), ...readOutcomes(newPath, key)];
  return [...new Map(all.map((one) => [`${one.task} ${one.seed} ${one.arm}`, one])).values()];
}

function readOutcomes(path: string, key: string): Outcome[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  const all = lines.filter((line) => line !== '').map((line): unknown => JSON.parse(line));
  return all.flatMap((one) => {
    const isOurs = typeof one === 'object' && one !== null && 'key' in one && one.key === key;
    return isOurs ? [outcomeSchema.parse(one)] : [];
  });
}

export function keepOutcome(outcome: Outcome): void {
  mkdirSync(dirname(newPath), { recursive: true });
  appendFileSync(newPath, `${JSON.stringify(outcome)}\n`);
}

/** What is wanted. */
export interface Plan {
  readonly seeds: readonly number[];
  readonly tasks: readonly TaskName[];
  readonly arms: readonly ArmOrPeer[];
}

/** What is not there yet. Arms take turns within a task and a seed, so that a change of the machine's load meets all. */
export function missingRuns({ seeds, tasks, arms }: Plan, done: readonly Outcome[]): Planned[] {
  const all = seeds.flatMap((seed) => tasks.flatMap((task) => arms.map((arm) => ({ task, seed, arm }))));
  return all.filter((one) => !done.some((it) => it.task === one.task && it.seed === one.seed && it.arm === one.arm));
}
