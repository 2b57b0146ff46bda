// scikit-learn's own searches beside the arms: as long on the same machine as the full arm's run of the same seed took.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { z } from 'zod';
import { doubleblind } from '../../test/support/cluster.ts';
import { debianPython, pythonModule, requireDebian } from '../peers.ts';
import type { PeerName } from './arms.ts';
import type { Outcome } from './outcomes.ts';
import { taskFolder } from './tasks.ts';

const script = join(import.meta.dirname, '..', 'peers', 'model_search.py');
const chosenSchema = z.object({ cv: z.number(), seconds: z.number() });
const scoreSchema = z.object({ score: z.number() });

/** What it hands in, scored as everything else is. `full` is the outcome whose time it gets. */
export async function runPeer(how: PeerName, full: Outcome): Promise<Omit<Outcome, 'key' | 'task' | 'seed' | 'arm'>> {
  requireDebian([
    pythonModule('sklearn', 'python3-sklearn'),
    pythonModule('pandas', 'python3-pandas'),
    pythonModule('yaml', 'python3-yaml'),
  ]);
  const folder = taskFolder(full.task);
  const { metric } = z
    .looseObject({ metric: z.string() })
    .parse(parse(readFileSync(join(folder, 'task.yaml'), 'utf8')));
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-peer-'));
  try {
    const submission = join(directory, 'submission.csv');
    const words = [script, how, folder, String(full.seconds), String(full.seed), submission];
    const env = { ...process.env, PYTHONWARNINGS: 'ignore' };
    const { stdout } = await promisify(execFile)(debianPython, words, { env, maxBuffer: 2 ** 26 });
    const chosen = chosenSchema.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    const answers = join(folder, 'private', 'test_labels.csv');
    const scored = await doubleblind('score', '--metric', metric, answers, submission, '-o', 'json');
    if (scored.code !== 0) throw new Error(`${how} on ${full.task}: ${scored.stderr}`);
    const { seconds, cv } = chosen;
    return {
      ...{
        failed: 0,
        seconds,
        slotSeconds: seconds,
        lowerIsBetter: full.lowerIsBetter,
        ensemble: false,
        candidates: [],
      },
      ...{ reported: cv, test: scoreSchema.parse(JSON.parse(scored.stdout)).score },
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
