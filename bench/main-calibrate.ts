// `node bench/main-calibrate.ts`: what the recorded runs of the ablation say of an attempt, as bench/ablation-calibration.json
// for the simulated one; `npx biome format --write` it afterwards. Reads the outcomes of the full arm.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { knownOutcomes, outcomeKey } from './ablation/outcomes.ts';
import { calibrate } from './landscape/calibration.ts';

const outcomes = knownOutcomes(outcomeKey()).filter(({ arm }) => arm === 'full');
const runs = outcomes.map(({ task, lowerIsBetter, candidates, failed }) => ({
  ...{ task, lowerIsBetter },
  attempts: [
    ...candidates.map(({ number, operator, parents, took, fitness, standardError }) => ({
      ...{ id: String(number), operator, parents: parents.map(String), failed: false, seconds: took },
      ...{ score: fitness, standardError },
    })),
    // How long a failed one took is not kept.
    ...Array.from({ length: failed }, () => ({ id: '', operator: '', parents: [], failed: true, seconds: 0 })),
  ],
}));
const path = join(import.meta.dirname, 'ablation-calibration.json');
const about = {
  command: 'npm run bench -- ablation, then node bench/main-calibrate.ts',
  ...calibrate(runs),
};
writeFileSync(path, `${JSON.stringify(about, undefined, 2)}\n`);
process.stdout.write(`${path}\n`);
