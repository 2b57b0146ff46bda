// The gateway: accounts, budgets, routing and retries round the upstreams.
//
// Owns: who may ask for a turn, and that the same request is answered once.
// Leaves to answer.ts: what a turn may cost and where it is asked; to rpc/: the wire; to upstream/: the endpoints.
//
// Invariants:
// 1. A turn is asked for only with a token of an open account, by the host that the account names.
// 2. A request id is answered at most once by an upstream; every repeat gets the recorded answer. Repeats that come
//    while the first is under way wait for it; another turn under the same id is refused, then too.
// 3. The budget is reserved before a turn and settled after it; see book.ts for what survives a crash.
// 4. A turn goes on when its caller goes away: its answer is paid for, and the caller's repeat will want it.
// 5. No key, token or message content reaches a log line.

import { createHmac } from 'node:crypto';
import type { Clock } from '../shared/clock.ts';
import { canonicalJson } from '../shared/core/canonical-json.ts';
import type { Logger } from '../shared/log.ts';
import { RpcFault } from '../shared/rpc/fault.ts';
import { unlessAborted } from '../shared/unless-aborted.ts';
import {
  answerTurn,
  type BudgetLimits,
  type CompletionOrder,
  closedFault,
  createLane,
  type Line,
  spentFault,
} from './answer.ts';
import type { Account, AttemptKey, Book, RecordedTurn, SpendRow, Totals } from './book.ts';
import { checkModel, type ModelCheck } from './check-model.ts';
import type { BreakerLimits } from './core/breaker.ts';
import type { BudgetScope, Exhausted } from './core/budget.ts';
import type { RetryLimits } from './core/retry.ts';
import type { Offer } from './core/route.ts';
import { createLeftOpen } from './left-open.ts';
import { silentMeter, type TurnMeter } from './metrics.ts';
import { requestDigest } from './upstream/request-digest.ts';
import type { Upstream } from './upstream/upstream.ts';

export interface GatewayOptions {
  readonly book: Book;
  readonly upstreams: readonly Upstream[];
  readonly retry: RetryLimits;
  readonly breaker: BreakerLimits;
  readonly budgets: BudgetLimits;
  /** Secret that tokens are derived from, at least 32 bytes. */
  readonly tokenSecret: Buffer;
  readonly clock: Clock;
  readonly log: Logger;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly meter?: TurnMeter;
}

/** An account that is asked for. */
export interface AccountOrder extends AttemptKey {
  readonly host: string;
  readonly dollars: number;
  readonly outputTokens: number;
  readonly runDollars: number;
  readonly runOutputTokens: number;
}

export interface Gateway {
  /** The token of an attempt's account; the same one each time for the same attempt and epoch. */
  openAttempt(order: AccountOrder): string;
  /** Ends the account of this epoch and of earlier ones, and tells what the attempt used. */
  closeAttempt(key: AttemptKey): Totals;
  complete(order: CompletionOrder, caller: string, signal: AbortSignal): Promise<RecordedTurn>;
  spend(runId: string): SpendRow[];
  /** All models in order of preference; the first is the default. */
  offers(): readonly Offer[];
  /** Asks every upstream of the model for a small turn. */
  check(model: string, signal: AbortSignal): Promise<ModelCheck[]>;
  /** Gives up the turns that are under way; they count as cut off. */
  stop(): void;
}

export function createGateway(options: GatewayOptions): Gateway {
  const offers = options.upstreams.flatMap((upstream) =>
    upstream.models.map((model): Offer => ({ ...model, upstream: upstream.name, model: model.name })),
  );
  const lanes = new Map(options.upstreams.map((upstream) => [upstream.name, createLane(upstream, options)]));
  const spentBudgets = new Map<string, Exhausted>();
  const underWay = new Map<string, { readonly digest: string; readonly answer: Promise<RecordedTurn> }>();
  const stopping = new AbortController();
  const onSpent: Line['onSpent'] = (account, exhausted) => {
    if (exhausted.scope !== 'attempt') spentBudgets.set(spentKey(exhausted.scope, account), exhausted);
  };
  const leftOpen = createLeftOpen(options.book, options.log);
  const line: Line = { ...options, meter: options.meter ?? silentMeter, offers, lanes, leftOpen, onSpent };
  return {
    openAttempt(order) {
      for (const scope of ['run', 'host'] as const) {
        const spent = spentBudgets.get(spentKey(scope, order));
        if (spent !== undefined && !isRaised(spent, order)) throw spentFault(order, spent);
      }
      return openAttempt(options, order);
    },
    closeAttempt(key) {
      options.book.close(key, options.clock.now());
      return options.book.totals(key.attemptId);
    },
    complete(order, caller, signal) {
      const account = admitted(options.book, order, caller);
      const digest = requestDigest(order);
      const known = options.book.known(account, order.requestId, digest);
      if (known.kind === 'answered') return Promise.resolve(known.recorded);
      if (known.kind === 'otherRequest') throw reusedId(order.requestId);
      // Without the digest: a turn that still waits for room is not in the book, and a second one would take its row.
      const key = `${account.attemptId}\n${account.epoch}\n${order.requestId}`;
      const first = underWay.get(key);
      if (first !== undefined && first.digest !== digest) throw reusedId(order.requestId);
      if (first !== undefined) return unlessAborted(first.answer, signal, wentAway);
      const answer = answerTurn(line, account, order, digest, stopping.signal).finally(() => underWay.delete(key));
      underWay.set(key, { digest, answer });
      return unlessAborted(answer, signal, wentAway);
    },
    spend: (runId) => options.book.spendByRun(runId),
    offers: () => offers,
    check: (model, signal) => checkModel(model, offers, lanes, options.clock, signal),
    stop: () => stopping.abort(new RpcFault('unavailable', 'the gateway stops; ask again')),
  };
}

function spentKey(scope: BudgetScope, { runId, host }: { readonly runId: string; readonly host: string }): string {
  return scope === 'run' ? runId : `${runId} ${host}`;
}

/** True where the run may spend more than when it had nothing left. */
function isRaised({ scope, budget, limit }: Exhausted, order: AccountOrder): boolean {
  const now = budget === 'dollars' ? order.runDollars : order.runOutputTokens;
  return scope === 'run' && now > limit;
}

const wentAway = (): RpcFault => new RpcFault('cancelled', 'the caller went away; the turn goes on');

function openAttempt({ book, tokenSecret, clock }: GatewayOptions, order: AccountOrder): string {
  const token = tokenOf(tokenSecret, order);
  return book.relaxed(() => {
    const newest = book.newestEpoch(order.attemptId);
    if (order.epoch < newest) {
      throw new RpcFault(
        'failedPrecondition',
        `attempt ${order.attemptId} was opened with epoch ${newest}; epoch ${order.epoch} is void`,
        {
          reason: 'staleEpoch',
          metadata: { attemptId: order.attemptId, epoch: String(newest) },
        },
      );
    }
    const known = book.account(order.attemptId, order.epoch);
    if (known !== undefined && (known.host !== order.host || known.runId !== order.runId)) {
      throw new RpcFault(
        'alreadyExists',
        `attempt ${order.attemptId} is open for run ${known.runId} on host ${known.host}`,
        {
          reason: 'otherAccount',
        },
      );
    }
    if (known === undefined) {
      book.close({ ...order, epoch: order.epoch - 1 }, clock.now());
      book.open(order, token, clock.now());
    }
    return token;
  });
}

function tokenOf(secret: Buffer, { runId, attemptId, epoch }: AttemptKey): string {
  return `dbt_${createHmac('sha256', secret)
    .update(canonicalJson([runId, attemptId, epoch]))
    .digest('base64url')}`;
}

function admitted(book: Book, order: CompletionOrder, caller: string): Account {
  const account = book.accountOfToken(order.token);
  // The same words for a wrong token and a wrong host: neither tells which tokens exist.
  if (account === undefined || account.host !== caller) {
    throw new RpcFault('permissionDenied', `the token is not one of host ${caller}`, { reason: 'wrongToken' });
  }
  if (account.closed) throw closedFault(account);
  return account;
}

function reusedId(requestId: string): RpcFault {
  return new RpcFault(
    'invalidArgument',
    `request_id ${requestId} was used for another turn of this attempt; give each turn its own`,
    {
      reason: 'requestIdReused',
      violations: [{ field: 'request_id', description: 'was used for another turn' }],
    },
  );
}
