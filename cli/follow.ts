// Follows a run to its end: a live view on a terminal, plain lines elsewhere.
// Owns: the subscription to the run and to the transcripts of the attempts that run. Leaves to core/progress.ts what the
// lines say. Invariants: 1. Ctrl-C ends the following and never the run. 2. The coordinator says when there is no more to follow: a run
// that was killed may have been sealed since.

import type { CliContext, Output } from './context.ts';
import { hasEnded } from './core/history.ts';
import type { Candidate, Run } from './core/model.ts';
import {
  endedLine,
  fold,
  frame,
  type Happening,
  newProgress,
  type Progress,
  startedLine,
  stateLine,
} from './core/progress.ts';
import { activity, parseEntry } from './core/transcript.ts';
import type { Coordinator } from './rpc/coordinator.ts';
import { type LiveView, startLiveView } from './terminal/live-view.ts';
import { shortenStyled } from './terminal/styled-text.ts';

export type Followed =
  | { readonly kind: 'ended'; readonly run: Run; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'detached' };

export interface FollowOptions {
  readonly coordinator: Coordinator;
  readonly run: Run;
  /** Where the progress goes. */
  readonly output: Output;
}

/** More transcripts than this are not followed at once; a screen does not show more attempts either. */
const mostWatched = 16;

export async function followRun(cli: CliContext, options: FollowOptions): Promise<Followed> {
  const { coordinator, run, output } = options;
  const ending = new AbortController();
  const signal = AbortSignal.any([cli.signal, ending.signal]);
  const doing = new Map<string, string>();
  // What a fork begins with is no event of its own.
  const inherited = run.inheritedCandidates > 0 ? await coordinator.listCandidates(run.runId) : [];
  const progress = newProgress(
    run,
    inherited.filter((one) => one.inheritedFrom !== ''),
  );
  const isOver = run.state === 'sealed' || run.state === 'killed';
  const view = output.canRedraw && !isOver ? liveView(output, progress, doing, run) : undefined;
  const say = (happening: Happening): void => {
    const text = lineOf(happening, progress, output, view !== undefined);
    if (text === '') return;
    if (view === undefined) output.write(`${text}\n`);
    else view.print(shortenStyled(text, output.columns - 1));
  };
  if (isOver) output.write(`${output.style.dim(`run ${run.runId} is over; this is how it went`)}\n`);
  try {
    for await (const event of coordinator.watchRun(run.runId, 0, signal)) {
      const happenings = fold(progress, event);
      // What it was before it became what it is now is no news.
      const passed = (happening: Happening): boolean =>
        happening.kind === 'state' && event.sequence < run.lastSequence && happening.run.state !== run.state;
      happenings.filter((happening) => !passed(happening)).forEach(say);
      if (view !== undefined && event.candidate !== null) watchAttempt(event.candidate, coordinator, doing, signal);
    }
  } finally {
    ending.abort();
    view?.stop();
  }
  if (cli.signal.aborted) return { kind: 'detached' };
  return {
    kind: 'ended',
    run: await coordinator.getRun(run.runId),
    candidates: await coordinator.listCandidates(run.runId),
  };
}

function lineOf(happening: Happening, progress: Progress, output: Output, live: boolean): string {
  switch (happening.kind) {
    case 'started':
      return live ? '' : startedLine(happening.candidate, progress, output.style);
    case 'ended':
      return endedLine(happening.candidate, happening.isBest, progress, output.style);
    case 'state':
      return stateLine(happening.run, output.style);
  }
}

function liveView(output: Output, progress: Progress, doing: ReadonlyMap<string, string>, run: Run): LiveView {
  // The run's own clock stands still between events; ours carries it on.
  const startedAt = performance.now() - run.elapsedSeconds * 1000;
  return startLiveView(output, () => {
    const now = { runSeconds: (performance.now() - startedAt) / 1000, atMs: Date.now() };
    return frame(progress, doing, now, output.style);
  });
}

/** Keeps what the attempt is doing up to date; a transcript that cannot be had is no reason to fail. */
function watchAttempt(
  candidate: Candidate,
  coordinator: Coordinator,
  doing: Map<string, string>,
  signal: AbortSignal,
): void {
  const id = candidate.candidateId;
  if (hasEnded(candidate)) doing.delete(id);
  if (candidate.state !== 'running' || doing.has(id) || doing.size >= mostWatched) return;
  doing.set(id, 'starting');
  const read = async (): Promise<void> => {
    for await (const { json } of coordinator.transcript(id, true, signal)) {
      const words = activity(parseEntry(json));
      if (words !== undefined && doing.has(id)) doing.set(id, words);
    }
  };
  read().catch(() => undefined);
}
