// The scorer in a process that stays: answers each line `METRIC ANSWERS SUBMISSION` of standard input by `SECONDS SCORE`.

import { createInterface } from 'node:readline';
import { scoreFiles } from '../evaluator-node/submission/score-files.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const [metric = '', answers = '', submission = ''] = line.split(' ');
  const startedMs = performance.now();
  const scored = await scoreFiles(metric, answers, submission);
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(`${seconds} ${scored.ok ? scored.value.score : scored.error}\n`);
}
