// The scorer in a process that stays: answers each line `METRIC ANSWERS SUBMISSION` of standard input by `SECONDS CPU_SECONDS SCORE`.

import { createInterface } from 'node:readline';
import { scoreFiles } from '../evaluator-node/submission/score-files.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const [metric = '', answers = '', submission = ''] = line.split(' ');
  const startedMs = performance.now();
  const before = process.cpuUsage();
  const scored = await scoreFiles(metric, answers, submission);
  const seconds = (performance.now() - startedMs) / 1000;
  const used = process.cpuUsage(before);
  process.stdout.write(
    `${seconds} ${(used.user + used.system) / 1e6} ${scored.ok ? scored.value.score : scored.error}\n`,
  );
}
