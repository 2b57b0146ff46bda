// What an earlier daemon left on this host: attempts in the book, sandboxes at the engine, files in the staging directory.
//
// Owns: which of it is taken up again. Leaves to core/reconcile.ts how each is judged, to agent.ts that it goes on.
// Invariants: 1. Every sandbox is taken up or removed; where that takes long, its slot waits for it and nothing else does. 2. An attempt that was taken up several times without getting anywhere,
// or whose transcript cannot be read, is reported as a failure of this host: it may be what ends the daemon each time.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { delay } from '../shared/clock.ts';
import type { Digest, SlotId } from '../shared/core/ids.ts';
import { noUsage } from '../shared/core/vocabulary.ts';
import { messageChain } from '../shared/log.ts';
import type { AgentPorts } from './agent-options.ts';
import { endedEvent } from './attempt.ts';
import type { AttemptOrder } from './attempt-order.ts';
import { resume } from './core/react.ts';
import { adoptionsInVain, mostAdoptions, type Resumption, reconcile } from './core/reconcile.ts';
import { needsSandbox, newTrajectory, type Trajectory } from './core/trajectory.ts';
import type { HostBook } from './outbox/host-book.ts';
import { retrying } from './retry.ts';

/** An attempt that goes on. */
export interface Left {
  readonly order: AttemptOrder;
  readonly resumption: Resumption;
  readonly state: Trajectory;
  /** The attempt sees to its sandbox itself from now on. */
  takeOver(): void;
}

export interface Stock {
  readonly left: readonly Left[];
  /** Slots in which what an earlier daemon had left may still compute, each until its promise resolves. */
  readonly restless: readonly Restless[];
  readonly removed: number;
  readonly condemned: number;
}

interface Restless {
  readonly slotId: SlotId;
  readonly quiet: Promise<void>;
}

/** As long as a start waits for sandboxes that go at once, as they mostly do. */
const removalMs = 2000;
const always = {
  ...{ baseMs: 500, capMs: 5000, random: () => 0.5 },
  ...{ patienceMs: Number.POSITIVE_INFINITY, mayHelp: () => true },
} as const;

/** Looks through book and engine; what is not to go on is ended when it returns, and removed or being removed until `stopping` aborts. */
export async function takeStock(ports: AgentPorts, stopping: AbortSignal): Promise<Stock> {
  const { book, engine } = ports;
  const booked = book.attempts();
  const open = booked.flatMap(({ order, ended }) => (ended ? [] : [{ order, ...judge(book, order) }]));
  const states = new Map(open.map(({ order, state }) => [order.attemptId, state]));
  const attempts = booked.map(({ order: { attemptId, epoch } }) => {
    const state = states.get(attemptId);
    return { attemptId, epoch, ended: state === undefined, needsSandbox: state !== undefined && needsSandbox(state) };
  });
  const found = await engine.list();
  const plan = reconcile(found, attempts);
  const removals = await removeAll(plan.remove, ports, stopping);
  const silences = new Map(
    plan.resume.flatMap((one) => (one.containerId === null ? [] : [silenced(one, ports, stopping)])),
  );
  const restless = found.flatMap(({ containerId, slotId }): Restless[] => {
    const quiet = removals.get(containerId) ?? silences.get(containerId)?.quiet;
    return quiet === undefined ? [] : [{ slotId, quiet }];
  });
  const condemned = open.filter(({ state }) => state === undefined);
  for (const { order, why } of condemned) condemn(ports, order, why);
  const left = plan.resume.flatMap((resumption) => {
    const order = booked.find((entry) => entry.order.attemptId === resumption.attemptId)?.order;
    const takeOver = silences.get(resumption.containerId ?? '')?.takeOver ?? (() => undefined);
    if (order === undefined) return [];
    return [{ order, resumption, state: states.get(order.attemptId) ?? newTrajectory, takeOver }];
  });
  return { left, restless, removed: plan.remove.length, condemned: condemned.length };
}

/** Begins to remove all; those that are still there after a moment, each with what resolves when it has gone. One that will not go is no reason not to serve. */
async function removeAll(
  containerIds: readonly string[],
  { engine, clock, log }: AgentPorts,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Promise<void>>> {
  const left = new Map<string, Promise<void>>();
  for (const containerId of containerIds) {
    const onRetry = (error: unknown, retry: number): void => {
      const words = 'a sandbox that an earlier daemon left cannot be removed; its slot waits for it';
      if (retry === 0) log.warn({ error, containerId }, words);
    };
    const removal = retrying(() => engine.remove(containerId), { clock, signal, ...always, onRetry });
    const gone = removal.then(
      () => void left.delete(containerId),
      () => undefined,
    );
    left.set(containerId, gone);
  }
  const waiting = new AbortController();
  await Promise.race([Promise.all(left.values()), delay(clock, removalMs, waiting.signal)]);
  waiting.abort();
  return new Map(left);
}

/**
 * A call that is under way in a sandbox that is to be taken up would compute on beside whoever gets the slot until a renewal comes; it is done again then.
 * Tried until it has ended, or the attempt takes over.
 */
function silenced(
  { containerId }: Resumption,
  { engine, clock }: AgentPorts,
  stopping: AbortSignal,
): [string, { readonly quiet: Promise<void>; takeOver(): void }] {
  const over = new AbortController();
  const id = containerId ?? '';
  const options = { clock, signal: AbortSignal.any([stopping, over.signal]), ...always };
  const quiet = retrying(() => engine.silence(id), options).catch(() => undefined);
  return [id, { quiet, takeOver: () => over.abort() }];
}

/** Where the attempt stands; without a state where it must not be taken up again. */
function judge(book: HostBook, order: AttemptOrder): { readonly state: Trajectory | undefined; readonly why: string } {
  try {
    const transcript = book.transcript(order);
    if (adoptionsInVain(transcript) < mostAdoptions) return { state: resume(transcript), why: '' };
    const why = `It was taken up again ${mostAdoptions} times on this host without getting any further.`;
    return { state: undefined, why };
  } catch (error) {
    return { state: undefined, why: `Its transcript cannot be read after a restart: ${messageChain(error)}` };
  }
}

function condemn(ports: AgentPorts, order: AttemptOrder, message: string): void {
  const { book, clock, log } = ports;
  const { runId, attemptId, epoch } = order;
  log.error({ runId, attemptId, epoch, detail: message }, 'an attempt is not taken up again');
  const failure = { failureReason: 'infrastructure', failureMessage: message } as const;
  const concluded = {
    ...failure,
    kind: 'concluded',
    note: '',
    runSeconds: 0,
    usage: noUsage,
    elapsedSeconds: 0,
  } as const;
  book.end(order, concluded, endedEvent(order, ports, { kind: 'reportEnd', concluded, artifacts: {} }), clock.now());
}

/** Bundles of attempts that have not ended. */
export function bundlesInUse(book: Pick<HostBook, 'attempts'>): Set<Digest> {
  const open = book.attempts().filter(({ ended }) => !ended);
  return new Set(open.map(({ order }) => order.task.bundleDigest));
}

/** Removes what attempts that have ended, or that nobody knows any more, left in the staging directory. */
export async function sweepStaging(directory: string, book: Pick<HostBook, 'attempts'>): Promise<number> {
  const open = book.attempts().filter(({ ended }) => !ended);
  const kept = new Set(open.map(({ order }) => `${order.attemptId}-${order.epoch}`));
  const found = await readdir(directory).catch(() => []);
  const stale = found.filter((name) => !kept.has(name));
  for (const name of stale) await rm(join(directory, name), { recursive: true, force: true });
  return stale.length;
}
