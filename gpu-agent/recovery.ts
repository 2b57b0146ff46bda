// What an earlier daemon left on this host: attempts in the book, sandboxes at the engine, files in the staging directory.
//
// Owns: which of it is taken up again. Leaves to core/reconcile.ts how each is judged, to agent.ts that it goes on.
// Invariants: 1. Every sandbox is taken up or removed; where that takes long, its slot waits for it and nothing else does. 2. An attempt that was taken up several times without getting anywhere,
// or whose transcript cannot be read, is reported as a failure of this host: it may be what ends the daemon each time.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
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

const removalPauses = { baseMs: 500, capMs: 5000, random: () => 0.5 } as const;

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
  const stubborn = await removeAll(plan.remove, ports, stopping);
  const restless = found.flatMap(({ containerId, slotId }): Restless[] => {
    const removal = stubborn.get(containerId);
    if (removal !== undefined) return [{ slotId, quiet: removal }];
    if (!plan.resume.some((resumption) => resumption.containerId === containerId)) return [];
    // Its call would compute on beside whoever gets the slot until a renewal comes, and is done again then. What fails is met when it is taken up.
    return [{ slotId, quiet: engine.silence(containerId).catch(() => undefined) }];
  });
  const condemned = open.filter(({ state }) => state === undefined);
  for (const { order, why } of condemned) condemn(ports, order, why);
  const left = plan.resume.flatMap((resumption) => {
    const order = booked.find((entry) => entry.order.attemptId === resumption.attemptId)?.order;
    return order === undefined ? [] : [{ order, resumption, state: states.get(order.attemptId) ?? newTrajectory }];
  });
  return { left, restless, removed: plan.remove.length, condemned: condemned.length };
}

/** Those that could not be removed, each with what resolves when it could be; a container that will not go is no reason not to serve. */
async function removeAll(
  containerIds: readonly string[],
  { engine, clock, log }: AgentPorts,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Promise<void>>> {
  const stubborn = new Map<string, Promise<void>>();
  const patience = { ...removalPauses, patienceMs: Number.POSITIVE_INFINITY, mayHelp: () => true };
  for (const containerId of containerIds) {
    try {
      await engine.remove(containerId);
    } catch (error) {
      log.warn(
        { error, containerId },
        'a sandbox that an earlier daemon left cannot be removed; its slot waits for it',
      );
      const removal = retrying(() => engine.remove(containerId), { clock, signal, ...patience });
      stubborn.set(
        containerId,
        removal.catch(() => undefined),
      );
    }
  }
  return stubborn;
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
