// The verdict of a run, and what it hands in.

import { refitHindrance, withNote } from '../../core/refit.ts';
import { type CommandOf, type ExecutorOptions, persist } from './persist.ts';

export async function sealRun(
  options: ExecutorOptions,
  command: CommandOf<'sealRun'>,
  signal: AbortSignal,
): Promise<void> {
  const { actor, evaluator, artifacts, log } = options;
  const { runId, task, finalists } = command;
  // For ever: without the verdict the run cannot end, and somebody may have to import the task again first.
  const sealed = await persist(
    options,
    command,
    signal,
    async () => {
      const verdict = await evaluator.sealRun(runId, task, finalists, signal);
      const run = actor.state.runs.get(runId);
      const refits = run?.task.refit === true;
      const hindrance = refits ? refitHindrance(actor.state, run, verdict) : undefined;
      const noted = hindrance === undefined ? verdict : withNote(verdict, hindrance);
      if (!verdict.hasFinalSubmission) return { verdict: noted };
      const { digest } = await artifacts.put(evaluator.fetchFinalSubmission(runId, signal));
      const judged = { verdict: noted, finalSubmissionDigest: digest };
      if (!refits || hindrance !== undefined) return judged;
      const bundle = await artifacts.put(evaluator.fetchRefitBundle(runId, signal));
      return { ...judged, bundleDigest: bundle.digest };
    },
    () => 'passing',
  );
  if (sealed.kind !== 'done') return;
  const { bundleDigest, ...told } = { bundleDigest: undefined, ...sealed.value };
  if (bundleDigest === undefined) await actor.report({ kind: 'runSealed', runId, ...told });
  else await actor.report({ kind: 'runJudged', runId, bundleDigest, ...told });
  log.info({ runId, winnerId: sealed.value.verdict.winnerId }, 'a run is sealed');
}
