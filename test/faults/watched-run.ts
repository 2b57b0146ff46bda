// A run as an operator's client sees it: it follows the events through every fault, and in the end gathers the records for
// history.ts.

import type { Candidate, Run } from '../../cli/core/model.ts';
import type { Coordinator } from '../../cli/rpc/coordinator.ts';
import type { RpcClient } from '../../shared/rpc/client.ts';
import { waitFor } from '../support/wait-for.ts';
import type { AgentBooks } from './agent-books.ts';
import type { Evaluated, Final, History, Seen } from './history.ts';

/** With the host that the candidate is on. */
export interface SeenOn extends Seen {
  readonly host: string;
}

export interface WatchedRun {
  readonly runId: string;
  readonly seen: readonly SeenOn[];
  scored(): number;
  /** Resolves when `count` more candidates were scored. */
  more(count: number, timeoutMs?: number): Promise<void>;
  /** Has the run end, waits for it and for every receipt, and gives all that is known. */
  finish(): Promise<History>;
  stop(): void;
}

interface Sources {
  readonly operator: Coordinator;
  readonly evaluator: RpcClient<'doubleblind.evaluator.v1.EvaluatorService'>;
  readonly books: AgentBooks;
}

/** Long enough for a machine that is much slower than it should be; nothing is ever waited for that long otherwise. */
const patienceMs = 240_000;

/** Follows a run that was created. */
export function watchRun(sources: Sources, runId: string): WatchedRun {
  const { operator, books } = sources;
  const seen: SeenOn[] = [];
  const stopping = new AbortController();
  let sealed = false;
  const follow = async (): Promise<void> => {
    while (!sealed && !stopping.signal.aborted) {
      try {
        for await (const event of operator.watchRun(runId, seen.at(-1)?.sequence ?? 0, stopping.signal)) {
          const { sequence, kind, candidate } = event;
          const { candidateId: attemptId = '', epoch = 0, host = '' } = candidate ?? {};
          seen.push({ sequence, kind, attemptId, epoch, host });
          if (kind === 'runSealed') sealed = true;
        }
      } catch {
        // The coordinator is away; it is asked again.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  void follow();
  const scored = (): number => seen.filter(({ kind }) => kind === 'candidateScored').length;
  return {
    runId,
    seen,
    scored,
    async more(count, timeoutMs = patienceMs) {
      const wanted = scored() + count;
      await waitFor(`${count} more scored candidates`, () => scored() >= wanted, { timeoutMs });
    },
    async finish() {
      await waitFor('the run to take its end', () => operator.cancelRun(runId));
      await waitFor('the run to be sealed', () => sealed, { timeoutMs: patienceMs });
      await waitFor('every receipt', () => books.waiting() === 0, { timeoutMs: patienceMs, everyMs: 100 });
      const run = await operator.getRun(runId);
      return await historyOf(sources, run, seen);
    },
    stop: () => stopping.abort(),
  };
}

async function historyOf(sources: Sources, run: Run, seen: readonly Seen[]): Promise<History> {
  const { operator, evaluator, books } = sources;
  const finals = (await operator.listCandidates(run.runId)).map(finalOf);
  const evaluated: Evaluated[] = [];
  let pageToken = '';
  do {
    const page = await evaluator.listLedger({ runId: run.runId, pageSize: 1000, pageToken }, { deadlineMs: 30_000 });
    evaluated.push(...page.records.flatMap(({ bodyJson }) => evaluatedOf(JSON.parse(bodyJson) as Body)));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  // By the name, not by what the coordinator lists: that is what is to be checked.
  const executed = books.executed().filter(({ attemptId }) => attemptId.startsWith(`${run.runId}-`));
  return { seen, executed, evaluated, finals, candidatesScored: run.candidatesScored };
}

function finalOf(candidate: Candidate): Final {
  const { candidateId: attemptId, number, host, epoch, state, searchScore, artifacts, failureReason } = candidate;
  const submission = artifacts.submissionDigest;
  return {
    attemptId,
    number,
    host,
    epoch,
    state,
    failure: failureReason ?? '',
    score: searchScore ?? undefined,
    submission,
  };
}

interface Body {
  readonly type: string;
  readonly candidateId: string;
  readonly epoch: number;
  readonly submissionDigest: string;
  readonly score?: number;
  readonly cached: boolean;
}

function evaluatedOf({ type, candidateId, epoch, submissionDigest, score, cached }: Body): Evaluated[] {
  if (type !== 'evaluated' || score === undefined) return [];
  return [{ attemptId: candidateId, epoch, submission: submissionDigest, value: score, cached }];
}
