// Which models answered in a run: only its transcripts tell, because what was asked for and what answered may differ.

import { winnerOf } from './core/history.ts';
import type { Candidate, Run } from './core/model.ts';
import { modelOf, parseEntry } from './core/transcript.ts';
import type { Coordinator } from './rpc/coordinator.ts';

/** Transcripts that are read to learn which models answered: enough to see a mixture, few enough to be quick. */
const mostTranscripts = 4;

/** The names of the models that answered in these candidates, the winner of the run first. */
type ModelsOf = (run: Run, candidates: readonly Candidate[]) => Promise<string[]>;

/** Reads each transcript once, however often it is asked. */
export function modelsReader(coordinator: Pick<Coordinator, 'artifact'>): ModelsOf {
  const known = new Map<string, readonly string[]>();
  return async (run, candidates) => {
    const models = new Set<string>();
    for (const digest of transcriptsOf(run, candidates)) {
      const named = known.get(digest) ?? modelsIn((await coordinator.artifact(digest)).toString('utf8'));
      known.set(digest, named);
      for (const model of named) models.add(model);
    }
    return [...models];
  };
}

/** For verbs that only look: an artifact that cannot be had is no reason to show nothing. */
export function forgivingModelsReader(coordinator: Pick<Coordinator, 'artifact'>): ModelsOf {
  const read = modelsReader(coordinator);
  return (run, candidates) => read(run, candidates).catch(() => []);
}

function transcriptsOf(run: Run, candidates: readonly Candidate[]): string[] {
  const winner = winnerOf(run.verdict, candidates);
  const others = candidates.filter((candidate) => candidate !== winner).reverse();
  return [...(winner === undefined ? [] : [winner]), ...others]
    .map((candidate) => candidate.artifacts.transcriptDigest)
    .filter((digest) => digest !== '')
    .slice(0, mostTranscripts);
}

function modelsIn(transcript: string): string[] {
  const models = new Set<string>();
  for (const line of transcript.split('\n')) {
    const model = line.includes('modelAnswered') ? modelOf(parseEntry(line)) : '';
    if (model !== '') models.add(model);
  }
  return [...models];
}
