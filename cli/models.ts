// Which models answered in a run: only its transcripts tell, because what was asked for and what answered may differ.

import { winnerOf } from './core/history.ts';
import type { Candidate, Run } from './core/model.ts';
import { modelOf, parseEntry } from './core/transcript.ts';
import { isOffline, type ModelsSeen } from './report/report-data.ts';
import type { Coordinator } from './rpc/coordinator.ts';

/** Transcripts that are read where a language model answered: enough to see a mixture, few enough to be quick. */
const fewTranscripts = 4;
/** Transcripts that are read while only the offline policy is found: theirs are short, and "no language model" is a claim about all. */
const mostTranscripts = 64;
/** Read at once. */
const width = 8;

/** The models that answered in these candidates, that of the run's winner first. */
type ModelsOf = (run: Run, candidates: readonly Candidate[]) => Promise<ModelsSeen>;

/** Reads each transcript once, however often it is asked. */
export function modelsReader(coordinator: Pick<Coordinator, 'artifact'>): ModelsOf {
  const known = new Map<string, readonly string[]>();
  const read = async (digest: string): Promise<readonly string[]> => {
    const named = known.get(digest) ?? modelsIn((await coordinator.artifact(digest)).toString('utf8'));
    known.set(digest, named);
    return named;
  };
  return async (run, candidates) => {
    const models = new Set<string>();
    const digests = transcriptsOf(run, candidates);
    let done = 0;
    const readUpTo = async (end: number): Promise<void> => {
      const some = digests.slice(done, end);
      done += some.length;
      for (const model of (await Promise.all(some.map(read))).flat()) models.add(model);
    };
    await readUpTo(fewTranscripts);
    while (done < Math.min(digests.length, mostTranscripts) && isOffline({ models: [...models] })) {
      await readUpTo(Math.min(done + width, mostTranscripts));
    }
    return { models: [...models], transcriptsRead: done, transcripts: digests.length };
  };
}

/** For verbs that only look: an artifact that cannot be had is no reason to show nothing. */
export function forgivingModelsReader(coordinator: Pick<Coordinator, 'artifact'>): ModelsOf {
  const read = modelsReader(coordinator);
  return (run, candidates) => read(run, candidates).catch(() => ({ models: [], transcriptsRead: 0, transcripts: 0 }));
}

function transcriptsOf(run: Run, candidates: readonly Candidate[]): string[] {
  const winner = winnerOf(run.verdict, candidates);
  const others = candidates.filter((candidate) => candidate !== winner).reverse();
  return [...(winner === undefined ? [] : [winner]), ...others]
    .map((candidate) => candidate.artifacts.transcriptDigest)
    .filter((digest) => digest !== '');
}

function modelsIn(transcript: string): string[] {
  const models = new Set<string>();
  for (const line of transcript.split('\n')) {
    const model = line.includes('modelAnswered') ? modelOf(parseEntry(line)) : '';
    if (model !== '') models.add(model);
  }
  return [...models];
}
