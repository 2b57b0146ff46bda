// Does what a trajectory asks for, one command at a time, and says what came of it as an event.
//
// Owns: turning commands into calls of ports, and their outcomes into events.
// Leaves to attempt.ts: order, durability, stopping; to core/: what is asked for.
// Invariants: 1. a command gives exactly one event or rejects; a rejection is a failure of the host, or a stop;
// 2. bytes that an event names are in the staging directory, synced, before the event exists.

import { RpcFault } from '../shared/rpc/fault.ts';
import { smallBytes } from '../shared/store/artifacts.ts';
import { sha256 } from '../shared/store/digest.ts';
import { readTree, type TreeFile } from '../shared/store/tree.ts';
import { type AttemptRoom, knownDigest } from './attempt-room.ts';
import { runCleanSlate } from './clean-slate.ts';
import type { Brief, BriefParent } from './core/brief.ts';
import type { Command } from './core/command.ts';
import { normaliseCode } from './core/python-code.ts';
import { rankingSchemas } from './core/ranking.ts';
import type { StoredArtifacts, TrajectoryEvent } from './core/trajectory-event.ts';
import { solutionWithLock } from './packages/solution-lock.ts';
import { openingMessages, rankingPrompts } from './prompts/prompts.ts';
import { noneWhereEnded } from './sandbox/sandbox.ts';
import { plainObservation } from './tools/observation.ts';
import { fileText, type ParentFiles } from './tools/parent-files.ts';
import { runTool, type ToolOutcome } from './tools/run-tool.ts';
import { offeredTools } from './tools/schemas.ts';
import { type ScoreRoom, scoreFile } from './tools/score-tool.ts';
import { maxSubmissionBytes, type Work } from './work.ts';

/** A solution is source code; weights are trained in the clean-slate run. */
const maxSolutionBytes = 64 * 2 ** 20;

/** A command that the outside world must answer; the others are answered by the actor itself. */
export type OutsideCommand = Exclude<Command, { kind: 'reportEnd' | 'conclude' | 'refuseCall' | 'nudge' }>;

/** Does it. Rejects where the host fails, or with the signal's reason. */
export async function perform(command: OutsideCommand, work: Work, signal: AbortSignal): Promise<TrajectoryEvent> {
  switch (command.kind) {
    case 'prepare':
      return await prepare(work);
    case 'callModel':
      return await callModel(command, work, signal);
    case 'runTool':
      return await callTool(command, work, signal);
    case 'takeSolution':
      return await takeSolution(work);
    case 'runCleanSlate':
      return await runCleanSlate(command, work, signal);
    case 'storeArtifacts':
      return await storeArtifacts(command.known, work, signal);
  }
}

async function prepare(work: Work): Promise<TrajectoryEvent> {
  const { order, room, bundles, packages, prompts, deviceName, time } = work;
  if (order.operator === 'refit') return await takeWinner(work);
  const bundle = await bundles.get(order.task.bundleDigest);
  const parents = await room.parents();
  await room.explore();
  const brief: Brief = {
    operator: order.operator,
    seed: order.seed,
    draftNumber: order.draftNumber ?? 0,
    siblingNumber: order.siblingNumber ?? 0,
    runSeed: order.runSeed ?? 0,
    task: order.task,
    limits: order.limits,
    parents: parents.map(briefParent),
    notes: order.notes,
    guidance: order.guidance,
    dataFiles: bundle.files,
    device: deviceName === '' ? 'none' : deviceName,
    packages: (await packages?.projects()) ?? [],
    scoreQueries: order.scoreQueries ?? 0,
  };
  const count = order.rankBeforeRun ?? 0;
  return {
    kind: 'begun',
    messages: openingMessages(prompts, brief),
    ...(count > 1 ? { ranking: rankingPrompts(prompts, count) } : {}),
    elapsedSeconds: time.elapsedSeconds(),
  };
}

/** The solution that a refit executes once more, as it is. */
async function takeWinner({ order, room, artifacts, time }: Work): Promise<TrajectoryEvent> {
  const [winner] = order.parents;
  if (winner === undefined) throw new Error('invariant broken: a refit without a winner');
  const { digest, sizeBytes } = await (await room.staging()).put(await artifacts.get(winner.solutionDigest));
  return { kind: 'solutionTaken', digest, bytes: sizeBytes, elapsedSeconds: time.elapsedSeconds() };
}

function briefParent(parent: ParentFiles): BriefParent {
  const { files, ...rest } = parent;
  return { ...rest, code: fileText(files, 'main.py') ?? '', files: files.map((file) => file.path) };
}

/** One turn of the conversation; the simulator's attempts think by it too. */
export async function callModel(
  command: Extract<Command, { kind: 'callModel' }>,
  work: Pick<Work, 'order' | 'model' | 'clock' | 'time' | 'remaining'>,
  signal: AbortSignal,
): Promise<TrajectoryEvent> {
  const { order, model, clock, time } = work;
  const { turn, overflows } = command;
  const startedMs = clock.monotonicMs();
  const request = {
    token: order.gatewayToken,
    requestId: `${order.attemptId}:${order.epoch}:${turn}${overflows === 0 ? '' : `.${overflows}`}`,
    model: order.model,
    seed: order.seed,
    messages: command.messages,
    ...(command.ranking === undefined
      ? { tools: offeredTools({ scores: (order.scoreQueries ?? 0) > 0 }) }
      : { tools: [], answerSchemaJson: rankingSchemas[command.ranking] }),
  };
  const timeoutMs = Math.max(1000, command.remainingSeconds * 1000);
  const reply = await model.complete(request, { timeoutMs, signal });
  const elapsedSeconds = time.elapsedSeconds();
  if (reply.kind === 'answered') {
    const { kind: _kind, ...figures } = reply;
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    return { kind: 'modelAnswered', turn, ...figures, seconds, elapsedSeconds };
  }
  if (reply.kind === 'tooLong') return { kind: 'contextOverflowed', turn, message: reply.message, elapsedSeconds };
  const outOfTime = work.remaining().seconds <= 0;
  const reason = outOfTime ? 'gaveUp' : reply.reason;
  const message = outOfTime
    ? `The trajectory used up its time while it waited for the model. ${reply.message}`
    : reply.message;
  return { kind: 'modelFailed', turn, reason, message, elapsedSeconds };
}

async function callTool(
  command: Extract<Command, { kind: 'runTool' }>,
  work: Work,
  signal: AbortSignal,
): Promise<TrajectoryEvent> {
  const { request, callId, timeoutSeconds, rerun } = command;
  const { room, slot, clock, time } = work;
  if (request.tool === 'submit') throw new Error('invariant broken: submit is not run as a tool');
  if (request.tool === 'score') {
    const outcome = await scoreFile(request.path, await scoreRoom(work, timeoutSeconds, signal));
    if (outcome.exitStatus === null) await room.exploreRuns();
    return { kind: 'toolEnded', callId, tool: request.tool, ...outcome, elapsedSeconds: time.elapsedSeconds() };
  }
  const outcome = await runTool(request, {
    sandbox: () => room.explore(),
    parents: await room.parents(),
    slot,
    clock,
    signal,
    timeoutSeconds,
    rerun,
    waited: (seconds) => time.exclude(seconds),
    settling: room.settling(signal),
    remaining: () => work.remaining(),
  });
  const observation = (await wordsOfLoss(outcome, room)) + outcome.observation;
  return {
    kind: 'toolEnded',
    callId,
    tool: request.tool,
    ...outcome,
    observation,
    elapsedSeconds: time.elapsedSeconds(),
  };
}

async function scoreRoom(
  { order, room, artifacts, scores, clock, remaining }: Work,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<ScoreRoom> {
  const { runId, attemptId, epoch } = order;
  return {
    ...{ attempt: { runId, attemptId, epoch }, sandbox: await room.explore(), scores, clock, signal, timeoutSeconds },
    ...{ store: artifacts.put, maxBytes: maxSubmissionBytes, remaining },
  };
}

/** A memory bomb, or an engine, may end the whole sandbox; the trajectory goes on in a new one and is told so. */
async function wordsOfLoss(outcome: ToolOutcome, room: AttemptRoom): Promise<string> {
  const maybeEnded = outcome.exitStatus === null && !outcome.timedOut;
  if (maybeEnded && !(await room.exploreRuns())) await room.explore();
  if (!room.tellLoss()) return '';
  return 'The sandbox had ended, so a new one was made: /work is as it was at the beginning. Write your files again.\n';
}

async function takeSolution(work: Work): Promise<TrajectoryEvent> {
  const { room, time } = work;
  const sandbox = await room.explore();
  const tree = await sandbox.takeTree('/work/solution', maxSolutionBytes).catch(noneWhereEnded);
  const refuse = (text: string): TrajectoryEvent => ({
    kind: 'solutionRefused',
    observation: plainObservation(`Not submitted. ${text} Mend it and call submit again.`, 1, work.remaining()),
    elapsedSeconds: time.elapsedSeconds(),
  });
  const refuseAsEnded = async (): Promise<TrajectoryEvent> => {
    await room.exploreRuns();
    return refuse('The sandbox had ended, and its files are gone.');
  };
  if (tree === undefined) return await refuseAsEnded();
  if (!tree.ok) return refuse(solutionProblem(tree.error.kind, tree.error.message));
  const files = await readTree(tree.value);
  if (!files.some((file) => file.path === 'main.py')) return refuse('/work/solution has no main.py.');
  const solution = await solutionWithLock(files, sandbox, work.packages !== undefined).catch(noneWhereEnded);
  if (solution === undefined) return await refuseAsEnded();
  if (!solution.ok) return refuse(solution.error);
  const stored = await (await room.staging()).put(solution.value.tar);
  return {
    kind: 'solutionTaken',
    digest: stored.digest,
    bytes: stored.sizeBytes,
    codeDigest: codeDigestOf(solution.value.files),
    elapsedSeconds: time.elapsedSeconds(),
  };
}

/** More than anybody writes. To take it apart would hold up the whole host, and takes two hundred times the memory. */
const mostCodeBytes = 2 ** 18;

/** Equal for solutions whose Python files differ in nothing that counts, and whose other files are the same. */
function codeDigestOf(files: readonly TreeFile[]): string {
  let left = mostCodeBytes;
  const parts = files.map(({ path, bytes }) => {
    const isRead = path.endsWith('.py') && bytes.length <= left;
    if (isRead) left -= bytes.length;
    return `${path}\n${isRead ? normaliseCode(bytes.toString('utf8')) : sha256(bytes)}`;
  });
  return sha256(parts.sort((left, right) => (left < right ? -1 : 1)).join('\n'));
}

function solutionProblem(kind: 'missing' | 'tooLarge' | 'unsafe', message: string): string {
  switch (kind) {
    case 'missing':
      return 'There is no directory /work/solution; it must contain main.py.';
    case 'tooLarge':
      return `/work/solution has more than ${maxSolutionBytes / 2 ** 20} MiB; models are trained in the clean-slate run, not submitted.`;
    case 'unsafe':
      return `/work/solution may hold only plain files and directories (${message}).`;
  }
}

async function storeArtifacts(known: StoredArtifacts, work: Work, signal: AbortSignal): Promise<TrajectoryEvent> {
  const { room, artifacts, time } = work;
  const stored: Record<string, string> = {};
  const orLeaveOut = async <Value>(kind: string, act: () => Promise<Value>): Promise<Value | undefined> => {
    try {
      return await act();
    } catch (error) {
      leaveOut(kind, error, work, signal);
      return undefined;
    }
  };
  const put = async (kind: string, bytes: Uint8Array): Promise<void> => {
    const digest = await orLeaveOut(kind, () => artifacts.put(bytes, signal));
    if (digest !== undefined) stored[kind] = digest;
  };
  // What is small is stored in the same moment, because it shares a call then; what is large comes one after the other.
  const small: (readonly [string, Uint8Array])[] = [['transcript', work.transcript()]];
  for (const kind of ['solution', 'submission', 'log'] as const) {
    const digest = known[kind];
    if (digest === undefined) continue;
    const bytes = await orLeaveOut(kind, async () => await (await room.staging()).get(knownDigest(digest)));
    if (bytes === undefined) continue;
    if (bytes.length <= smallBytes) small.push([kind, bytes]);
    else await put(kind, bytes);
  }
  await Promise.all(small.map(([kind, bytes]) => put(kind, bytes)));
  return { kind: 'artifactsStored', artifacts: stored, elapsedSeconds: time.elapsedSeconds() };
}

/** What the coordinator refuses for good is left out: the attempt's end must reach it all the same. */
function leaveOut(kind: string, error: unknown, { log }: Work, signal: AbortSignal): void {
  signal.throwIfAborted();
  // Of an attempt that was given up meanwhile, as in a killed run, nobody wants anything.
  if (error instanceof RpcFault && error.reason === 'notHeld') return;
  log.error({ error, artifact: kind }, 'an artifact could not be stored and is left out');
}
