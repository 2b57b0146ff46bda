// SearchService: runs are created, followed, steered and read here.

import { randomBytes, randomInt } from 'node:crypto';
import { type AttemptId, type RunId, runId as toRunId } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type Handlers, implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import { page } from '../../shared/rpc/page.ts';
import { fieldName } from '../../shared/rpc/read-request.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { mayDelete } from '../core/delete-run.ts';
import type { Event } from '../core/event.ts';
import { maySteer, mostGuidanceCharacters } from '../core/guidance.ts';
import type { Budgets } from '../core/options.ts';
import type { Attempt, Run } from '../core/state.ts';
import { type Limits, pinnedName, type Task } from '../core/task.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { Journal } from '../journal/journal.ts';
import { type Stage, stageOf } from '../runs/rehearsal.ts';
import type { SearchActor } from '../runs/search-actor.ts';
import { readRunRequest } from './create-run.ts';
import type { Evaluator } from './evaluator.ts';
import { forkRun } from './fork-run.ts';
import { refuseImpossibleLimits } from './known-host.ts';
import { type ModelCatalogue, refuseUnknownModel } from './known-model.ts';
import { findCandidate, findRun } from './lookup.ts';
import { releaseCandidate } from './release.ts';
import { watchTranscript } from './transcript.ts';
import { watchRun } from './watch-run.ts';
import { candidateToWire, runToWire } from './wire.ts';

export interface SearchServiceOptions {
  readonly actor: SearchActor;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly artifacts: ArtifactDirectory;
  readonly evaluator: Evaluator;
  readonly models: ModelCatalogue;
  readonly defaultLimits: Limits;
}

const name = 'doubleblind.coordinator.v1.SearchService';
/** Pieces of files on the wire, by the protocol. */
const chunkBytes = 1_048_576;

export function searchService(handlers: SearchHandlers): RpcServiceDefinition {
  return implement<typeof name>(name, handlers);
}

/** What the service does, for gRPC and for the dashboard's HTTP alike. */
export function searchHandlers(options: SearchServiceOptions): SearchHandlers {
  return { ...taskAndRunHandlers(options), ...readHandlers(options) };
}

export type SearchHandlers = Handlers<typeof name>;
type Steering =
  | 'listTasks'
  | 'createRun'
  | 'extendRun'
  | 'steerRun'
  | 'pauseRun'
  | 'resumeRun'
  | 'cancelRun'
  | 'killRun'
  | 'forkRun'
  | 'deleteRun';

function taskAndRunHandlers(options: SearchServiceOptions): Pick<SearchHandlers, Steering> {
  const { actor, evaluator, models } = options;
  const steer = async (request: OfRun, make: (run: Run) => Event) => {
    const stage = stageOf(actor, request);
    const { id } = findRun(stage.state, request.runId);
    await stage.post(make(findRun(stage.state, id)));
    return { run: wholeRun(stage, id) };
  };
  return {
    listTasks: async ({ pageSize, pageToken }) => await evaluator.listTasks(pageSize, pageToken),
    createRun: async (request, { identity }) => {
      const stage = stageOf(actor, request);
      return { run: created(options, stage, await createRun(options, stage, request, identity.name)) };
    },
    forkRun: async (request, { identity }) => {
      const stage = stageOf(actor, request);
      const id = await forkRun({ stage, evaluator, models, owner: identity.name }, request, freshRunId);
      return { run: created(options, stage, id) };
    },
    async deleteRun(request) {
      const stage = stageOf(actor, request);
      await stage.post({ kind: 'runDeleted', runId: ended(findRun(stage.state, request.runId)).id });
      return {};
    },
    pauseRun: async (request) =>
      await steer(request, (run) => ({ kind: 'runPaused', runId: notEnding(run, 'paused').id })),
    resumeRun: async (request) =>
      await steer(request, (run) => ({ kind: 'runResumed', runId: notEnding(run, 'resumed').id })),
    steerRun: async ({ guidance, ...request }) =>
      await steer(request, (run) => ({ kind: 'runSteered', runId: steerable(run, guidance).id, guidance })),
    extendRun: async ({ runId, validateOnly, ...more }) =>
      await steer({ runId, validateOnly }, (run) => ({
        kind: 'runExtended',
        runId: run.id,
        budgets: extended(notEnding(run, 'extended'), more),
      })),
    cancelRun: async (request) =>
      await steer(request, ({ id }) => ({ kind: 'runSealing', runId: id, endReason: 'cancelled' })),
    killRun: async ({ seal, ...request }) => await steer(request, ({ id }) => ({ kind: 'runKilled', runId: id, seal })),
  };
}

/** What every request about a run that is there has. */
interface OfRun {
  readonly runId: string;
  readonly validateOnly: boolean;
}

/** A run that is new. One that only would be has no id: the next request gets another. */
function created({ actor }: SearchServiceOptions, stage: Stage, id: RunId) {
  return actor.state.runs.has(id) ? wholeRun(actor, id) : { ...wholeRun(stage, id), runId: '' };
}

function readHandlers(options: SearchServiceOptions): Omit<SearchHandlers, Steering> {
  const { actor, journal, artifacts } = options;
  return {
    getRun: async ({ runId }) => ({ run: wholeRun(actor, findRun(actor.state, runId).id) }),
    async listRuns(request) {
      const newestFirst = [...actor.state.runs.values()].reverse();
      const { items, nextPageToken } = page(newestFirst, (run) => run.id, request);
      return {
        runs: items.map((run) => runToWire(run, { state: actor.state, clockMs: actor.clockMs() }, 'brief')),
        nextPageToken,
      };
    },
    watchRun: ({ runId, afterSequence }, { signal }) =>
      watchRun({ journal, actor }, findRun(actor.state, runId).id, afterSequence, signal),
    async listCandidates({ runId, ...request }) {
      const ids = findRun(actor.state, runId).attempts;
      const bytesOf = (id: AttemptId): number => mostBytesOf(actor.state.attempts.get(id));
      const { items, nextPageToken } = page(ids, (id) => id, request, bytesOf);
      const candidates = items.map((id) => candidateToWire(findCandidate(actor.state, id)));
      return { candidates, nextPageToken };
    },
    getCandidate: async ({ candidateId }) => ({ candidate: candidateToWire(findCandidate(actor.state, candidateId)) }),
    releaseCandidate: async (request, { identity }) => ({
      candidate: candidateToWire(await releaseCandidate(stageOf(actor, request), request, identity.name)),
    }),
    watchTranscript: ({ candidateId, fromEntry, follow }, { signal }) =>
      watchTranscript(options, findCandidate(actor.state, candidateId).id, fromEntry, follow, signal),
    async *getFinalSubmission({ runId }) {
      const run = findRun(actor.state, runId);
      for await (const chunk of artifacts.stream(finalSubmissionOf(run), chunkBytes)) yield { chunk };
    },
  };
}

/** Bytes of a candidate on the wire, at most: its texts are an agent's, or a host's, and up to three bytes a character. */
function mostBytesOf(attempt: Attempt | undefined): number {
  const { note = '', failureMessage = '', score } = attempt ?? {};
  const texts = [note, failureMessage, score?.quarantineReason ?? '', score?.feedback ?? ''];
  return texts.reduce((sum, text) => sum + 3 * text.length, 2048);
}

/** The new totals; refuses one that is smaller than before. */
function extended({ options }: Run, more: Partial<Budgets>): Budgets {
  const { candidates, wallSeconds, dollars, tokens, slotHours } = options;
  const budgets: Record<keyof Budgets, number> = { candidates, wallSeconds, dollars, tokens, slotHours };
  for (const name of Object.keys(budgets) as (keyof Budgets)[]) {
    const [before, now] = [budgets[name], more[name]];
    if (now === undefined || now === before) continue;
    if (!(now >= 0) || before === 0 || (now !== 0 && now < before)) {
      const description = `may not become smaller than ${before === 0 ? 'no limit' : before}`;
      const field = fieldName(name);
      throw new RpcFault('invalidArgument', `${field} ${description}`, { violations: [{ field, description }] });
    }
    budgets[name] = now;
  }
  return budgets;
}

function finalSubmissionOf(run: Run) {
  if (run.finalSubmissionDigest !== undefined) return run.finalSubmissionDigest;
  const why =
    run.phase === 'sealed'
      ? 'it ended without a valid candidate, or its task has no test rows to hand in'
      : run.phase === 'killed'
        ? 'it was killed without a seal; seal it with: doubleblind kill --seal'
        : 'it is not sealed yet; follow it with: doubleblind watch';
  throw new RpcFault('failedPrecondition', `run ${run.id} has no final submission: ${why}`, {
    reason: 'noFinalSubmission',
  });
}

function notEnding(run: Run, verb: string): Run {
  if (run.phase === 'running' || run.phase === 'paused') return run;
  throw new RpcFault('failedPrecondition', `run ${run.id} is ${run.phase} and cannot be ${verb}`, {
    reason: 'runEnded',
  });
}

function ended(run: Run): Run {
  if (mayDelete(run)) return run;
  throw new RpcFault('failedPrecondition', `run ${run.id} is ${run.phase}; end it with: doubleblind cancel, or kill`, {
    reason: 'runGoesOn',
  });
}

function steerable(run: Run, guidance: string): Run {
  notEnding(run, 'steered');
  if (guidance === run.steering.at(-1) || maySteer(run, guidance)) return run;
  const description =
    guidance.trim() === ''
      ? 'is empty'
      : `has ${guidance.length} characters; with what there is, ${mostGuidanceCharacters} are the most`;
  throw new RpcFault('invalidArgument', `guidance ${description}`, {
    violations: [{ field: 'guidance', description }],
  });
}

function wholeRun(stage: Pick<Stage, 'state' | 'clockMs'>, id: RunId) {
  return runToWire(findRun(stage.state, id), { state: stage.state, clockMs: stage.clockMs() }, 'whole');
}

async function createRun(options: SearchServiceOptions, stage: Stage, request: unknown, owner: string): Promise<RunId> {
  const { evaluator, defaultLimits } = options;
  const {
    requestId,
    task: taskName,
    options: runOptions,
  } = readRunRequest(request, defaultLimits, randomInt(1, 2 ** 32));
  const known = stage.state.requests.get(requestId);
  if (known !== undefined) return known;
  refuseImpossibleLimits(stage.state, runOptions.limits);
  await refuseUnknownModel(options.models, runOptions.model);
  const task = await describeTask(evaluator, taskName);
  if (!stage.isRehearsal) await storeBundle(options, task);
  const runId = freshRunId(stage, task.name);
  await stage.post({ kind: 'runCreated', runId, requestId, task, options: runOptions, owner });
  const createdId = stage.state.requests.get(requestId);
  if (createdId === undefined) throw new RpcFault('aborted', `the id ${runId} was taken in the same moment; try again`);
  return createdId;
}

async function describeTask(evaluator: Evaluator, taskName: string): Promise<Task> {
  try {
    return await evaluator.describeTask(taskName);
  } catch (error) {
    throw error instanceof RpcFault && error.code === 'notFound'
      ? await unknownTask(evaluator, taskName, error)
      : error;
  }
}

async function unknownTask(evaluator: Evaluator, taskName: string, cause: RpcFault): Promise<RpcFault> {
  const { tasks } = await evaluator.listTasks(20, '');
  const names = tasks.map((task) => task.name).join(', ');
  const known =
    names === '' ? 'the evaluator has none; import one with: doubleblind task import DIR' : `there are: ${names}`;
  return new RpcFault('notFound', `no task ${JSON.stringify(taskName)}; ${known}`, { reason: 'unknownTask', cause });
}

/** The bundle must be here before an agent asks for it. */
async function storeBundle({ artifacts, evaluator }: SearchServiceOptions, task: Task): Promise<void> {
  if (await artifacts.touch(task.bundleDigest)) return;
  await artifacts.put(evaluator.fetchBundle(pinnedName(task)), task.bundleDigest);
}

/** For example digits-3f9a2c: to be read aloud and typed. */
function freshRunId({ state }: Pick<Stage, 'state'>, taskName: string): RunId {
  const slug =
    taskName
      .replace(/[^A-Za-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 60) || 'run';
  for (;;) {
    const id = toRunId(`${slug}-${randomBytes(3).toString('hex')}`);
    if (!state.runs.has(id)) return id;
  }
}
