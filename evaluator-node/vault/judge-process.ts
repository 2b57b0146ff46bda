// The judge in a process of its own (main-judge.ts), started for one question and ended with its answer. So the daemon, which reads
// what others send and lives for weeks, opens no label of a validation row. The bundle of a refit, which holds them all, comes through
// its memory, after the seal; docs/decisions/0006 says what else does.
//
// Invariants: 1. No question waits for ever: a judge that has not answered in time is killed, the asker gets a fault that says so, and
// nothing of the seal is recorded, so that the same question may be asked again. 2. The process starts no other, loads no native code,
// writes below the state directory alone and gets nothing of the daemon's environment; what the daemon's unit takes from the daemon, it
// takes from the judge too.

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

const ownProgram = fileURLToPath(new URL('./main-judge.ts', import.meta.url));

export interface JudgeLimits {
  /** Of one question, the start of the process included. */
  readonly timeoutMs: number;
  /** Of tests: another program in place of the judge. */
  readonly program?: string;
}

/** A judge that is a process for each question. Its calls throw an `EvaluatorFault` of the reason `judgeTimeout` where it takes too long. */
export function createJudgeProcess(settings: JudgeSettings, limits: JudgeLimits): Judge {
  const ask = async <Kind extends Answer['kind']>(
    question: Question,
    kind: Kind,
  ): Promise<Extract<Answer, { kind: Kind }>> => {
    const answer = await askOnce(question, limits);
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

async function askOnce(question: Question, { timeoutMs, program = ownProgram }: JudgeLimits): Promise<Answer> {
  const child = fork(program, [], {
    execArgv: ['--permission', '--allow-fs-read=*', `--allow-fs-write=${question.settings.stateDirectory}`],
    env: {},
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
  const patience = setTimeout(() => resolve(late(timeoutMs)), timeoutMs);
  try {
    return await promise;
  } finally {
    clearTimeout(patience);
    // Not to be caught, so that one that is stuck ends as well.
    child.kill('SIGKILL');
  }
}

function late(timeoutMs: number): Answer {
  const message =
    `the judge gave no answer within ${timeoutMs / 1000} s and was ended; nothing is recorded, so ask again, ` +
    'and where it needs more time, raise judge.timeoutMs of the evaluator';
  return { kind: 'fault', code: 'unavailable', reason: 'judgeTimeout', message };
}
