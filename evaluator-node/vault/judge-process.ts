// The judge in a process of its own (main-judge.ts), started for one question and ended with its answer. So the daemon, which reads
// what others send and lives for weeks, opens no label of a validation row. The bundle of a refit, which holds them all, comes through
// its memory, after the seal; docs/decisions/0006 says what else does.

import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import type { Choice, Finalist } from './choice.ts';
import type { Judge } from './judge.ts';
import { LabelKeyError, type LabelKeyPaths } from './label-keys.ts';

/** What the process needs to open the vault and to run graders. */
export interface JudgeSettings {
  readonly stateDirectory: string;
  readonly keys: LabelKeyPaths;
  readonly grader: {
    readonly image: string;
    readonly memoryBytes: number;
    readonly cpus: number;
    readonly atOnce: number;
    readonly timeoutMs: number;
    readonly socketPath: string;
    readonly installation: string;
    readonly directory: string;
  };
}

/** What it is asked. */
export type Question = { readonly settings: JudgeSettings } & (
  | { readonly kind: 'check' }
  | {
      readonly kind: 'choose';
      readonly version: string;
      readonly runId: string;
      readonly finalists: readonly Finalist[];
    }
  | { readonly kind: 'refit'; readonly version: string }
);

/** What it answers, once. */
export type Answer =
  | { readonly kind: 'checked' }
  | { readonly kind: 'chosen'; readonly choice: Choice }
  | { readonly kind: 'bundle'; readonly tar: Buffer }
  | { readonly kind: 'fault'; readonly code: EvaluatorFault['kind']; readonly reason: string; readonly message: string }
  | { readonly kind: 'keyFault'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string };

const program = fileURLToPath(new URL('./main-judge.ts', import.meta.url));

/** A judge that is a process for each question. */
export function createJudgeProcess(settings: JudgeSettings): Judge {
  const ask = async <Kind extends Answer['kind']>(
    question: Question,
    kind: Kind,
  ): Promise<Extract<Answer, { kind: Kind }>> => {
    const answer = await askOnce(question);
    if (answer.kind === kind) return answer as Extract<Answer, { kind: Kind }>;
    if (answer.kind === 'fault') throw new EvaluatorFault(answer.code, answer.reason, answer.message);
    if (answer.kind === 'keyFault') throw new LabelKeyError(answer.message);
    throw new Error(answer.kind === 'failed' ? answer.message : 'the judge answered another question');
  };
  return {
    async check() {
      await ask({ kind: 'check', settings }, 'checked');
    },
    choose: async (version, runId, finalists) =>
      (await ask({ kind: 'choose', settings, version, runId, finalists }, 'chosen')).choice,
    refitBundle: async (version) => (await ask({ kind: 'refit', settings, version }, 'bundle')).tar,
  };
}

async function askOnce(question: Question): Promise<Answer> {
  const child = fork(program, [], {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString()}`.slice(-2000);
  });
  const ended = (why: string): void => resolve({ kind: 'failed', message: `the judge's process ${why}: ${said}` });
  child.on('message', (answer: Answer) => resolve(answer));
  child.on('error', (error) => ended(`cannot be started (${error.message})`));
  // What was said before the end has arrived by then.
  child.on('close', (code, signal) => ended(`ended with ${signal ?? code} before it answered`));
  child.send(question, (error) => {
    if (error !== null) ended(`took no question (${error.message})`);
  });
  try {
    return await promise;
  } finally {
    child.kill();
  }
}
