// A run that goes on from another one: the evaluator is told first, so that nothing of it is evaluated before its query
// budget is known to be shared.

import { randomInt } from 'node:crypto';
import type { RunId } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { forkOf, mostInherited } from '../core/fork.ts';
import { pinnedName } from '../core/task.ts';
import type { Stage } from '../runs/rehearsal.ts';
import { readForkRequest } from './create-run.ts';
import type { Evaluator } from './evaluator.ts';
import { refuseImpossibleLimits } from './known-host.ts';
import { type ModelCatalogue, refuseUnknownModel } from './known-model.ts';
import { findRun } from './lookup.ts';

interface ForkParts {
  readonly stage: Stage;
  readonly evaluator: Evaluator;
  readonly models: ModelCatalogue;
  /** Who asks for it. */
  readonly owner: string;
}

/** Creates the fork that a request asks for; the same request gives the same run. */
export async function forkRun(
  { stage, evaluator, models, owner }: ForkParts,
  request: { readonly requestId: string; readonly runId: string; readonly top: number; readonly options: unknown },
  freshRunId: (stage: Stage, taskName: string) => RunId,
): Promise<RunId> {
  const origin = findRun(stage.state, request.runId);
  const { requestId, top, options } = readForkRequest(request, origin, randomInt(1, 2 ** 32), mostInherited);
  const known = stage.state.requests.get(requestId);
  if (known !== undefined) return known;
  refuseImpossibleLimits(stage.state, options.limits);
  await refuseUnknownModel(models, options.model);
  const runId = freshRunId(stage, origin.task.name);
  const fork = forkOf(stage.state, origin, runId, top === 0 ? mostInherited : top);
  if (fork.candidates.length === 0) {
    throw new RpcFault(
      'failedPrecondition',
      `run ${origin.id} has no candidate with a score to begin with; start a new run: doubleblind run ${origin.task.name}`,
      { reason: 'nothingToFork' },
    );
  }
  // The evaluator records what a fork inherits; where nothing may be recorded it is asked whether it still has the task.
  if (stage.isRehearsal) await evaluator.describeTask(pinnedName(origin.task));
  else await evaluator.forkRun(runId, fork);
  await stage.post({ kind: 'runCreated', runId, requestId, task: origin.task, options, owner, fork });
  return stage.state.requests.get(requestId) ?? runId;
}
