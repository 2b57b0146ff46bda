// The judge's process: takes one question, answers it and ends. judge-process.ts is the other end.

import { systemClock } from '../../shared/clock.ts';
import { messageChain } from '../../shared/core/message-chain.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import { createDockerGrader } from '../grader/docker-grader.ts';
import { buildRefitBundle } from '../import/refit-bundle.ts';
import { createJudge, type Judge } from './judge.ts';
import type { Answer, Question } from './judge-process.ts';
import { LabelKeyError } from './label-keys.ts';
import { openVault } from './vault.ts';

async function answerOf(judge: Judge, question: Question): Promise<Answer> {
  switch (question.kind) {
    case 'check':
      await judge.check();
      return { kind: 'checked' };
    case 'choose': {
      const { version, runId, finalists } = question;
      return { kind: 'chosen', choice: await judge.choose(version, runId, finalists) };
    }
    case 'refit':
      return { kind: 'bundle', tar: await judge.refitBundle(question.version) };
  }
}

function failure(error: unknown): Answer {
  if (error instanceof EvaluatorFault) {
    const { kind: code, reason, message } = error;
    return { kind: 'fault', code, reason, message };
  }
  if (error instanceof LabelKeyError) return { kind: 'keyFault', message: error.message };
  return { kind: 'failed', message: messageChain(error) };
}

// A judge whose evaluator is gone has nobody to answer, and the keys of every label; graders that it left are swept at the next start.
process.once('disconnect', () => process.exit());

process.once('message', (question: Question) => {
  const { stateDirectory, keys, grader } = question.settings;
  const work = async (): Promise<Answer> => {
    const vault = openVault(stateDirectory, { keys });
    try {
      const own = createDockerGrader({ ...grader, clock: systemClock });
      return await answerOf(createJudge({ vault, grader: own, buildRefitBundle }), question);
    } finally {
      vault.close();
    }
  };
  void work()
    .catch(failure)
    .then((answer) => process.send?.(answer, () => process.disconnect()));
});
