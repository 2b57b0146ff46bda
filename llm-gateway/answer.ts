// How one turn is answered: reserve, ask, mend, settle; elsewhere or once more where that may help.
//
// Owns: routing over upstreams with limits, breakers, retries and fallback; the turns in which a model mends its calls.
// Leaves to gateway.ts: who may ask; to the book: what survives a crash; to core/: every rule.
//
// Invariants:
// 1. Each try reserves before it asks and settles or frees afterwards; between tries nothing is reserved.
// 2. What a provider charges for answers that are no use (cut streams, malformed calls) is counted as lost, once.
// 3. A turn that a budget limits is capped at what was reserved for it.
// 4. Nothing is asked for once the account is closed: what it cost was told then.

import { type Clock, delay } from '../shared/clock.ts';
import type { Logger } from '../shared/log.ts';
import { RpcFault } from '../shared/rpc/fault.ts';
import { inSpan } from '../shared/tracing/tracer.ts';
import { type Account, type AttemptKey, type Book, type Lost, nothingLost, type RecordedTurn } from './book.ts';
import { admitCall, afterCall, type Breaker, type BreakerLimits, closedBreaker } from './core/breaker.ts';
import {
  type Budget,
  type BudgetScope,
  type Exhausted,
  estimateTokens,
  type Limits,
  priceOf,
  type Reservation,
  reserve,
} from './core/budget.ts';
import { decideRetry, type RetryLimits } from './core/retry.ts';
import { type Offer, route } from './core/route.ts';
import { type Mended, mendCalls } from './core/tool-call-repair.ts';
import type { LeftOpen } from './left-open.ts';
import type { TurnMeter } from './metrics.ts';
import type { SpentSoFar } from './running-totals.ts';
import { createLimiter, type Limiter } from './upstream/limiter.ts';
import { charactersOf } from './upstream/text-size.ts';
import { type ChatMessage, type Turn, type TurnRequest, type Upstream, UpstreamFailure } from './upstream/upstream.ts';

/** Turns in which a model may mend what it got wrong, before the agent is given the answer as it is. */
const mostRepairs = 2;

/** How often a turn looks whether other turns have given back what they had reserved; they take seconds. */
const settleWaitMs = 100;

/** Limits that hold whatever a run asks for. */
export interface BudgetLimits {
  readonly perRun: Limits;
  readonly perHost: Limits;
  readonly perAttempt: Limits;
}

/** A turn that is asked for with a token. */
export interface CompletionOrder extends TurnRequest {
  readonly token: string;
  readonly requestId: string;
}

/** One upstream with what guards it. */
export interface Lane {
  readonly upstream: Upstream;
  readonly limiter: Limiter;
  breaker: Breaker;
}

export function createLane(upstream: Upstream, { clock }: { readonly clock: Clock }): Lane {
  return { upstream, limiter: createLimiter({ ...upstream, clock }), breaker: closedBreaker };
}

/** What answering a turn needs. */
export interface Line {
  readonly book: Book;
  readonly retry: RetryLimits;
  readonly breaker: BreakerLimits;
  readonly budgets: BudgetLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly meter: TurnMeter;
  readonly offers: readonly Offer[];
  readonly lanes: ReadonlyMap<string, Lane>;
  readonly leftOpen: LeftOpen;
  /** Told when a turn does not fit a budget any more. */
  readonly onSpent: (account: Account, exhausted: Exhausted) => void;
}

/** A turn on its way, with what it has cost so far without an answer. */
interface Errand {
  readonly account: Account;
  readonly requestId: string;
  readonly digest: string;
  lost: Lost;
}

export async function answerTurn(
  line: Line,
  account: Account,
  order: CompletionOrder,
  digest: string,
  signal: AbortSignal,
): Promise<RecordedTurn> {
  const found = route(line.offers, order.model);
  if (found.kind === 'unknown') {
    const known = found.known.join(', ');
    throw new RpcFault('notFound', `no upstream serves the model ${order.model}; there are: ${known}`, {
      reason: 'unknownModel',
    });
  }
  // Nobody else is under way with this id.
  line.leftOpen.begin(account, order.requestId);
  const errand: Errand = { account, requestId: order.requestId, digest, lost: nothingLost };
  const failures: UpstreamFailure[] = [];
  let tooLongFor = 0;
  for (const offer of found.offers) {
    if (offer.contextTokens <= tooLongFor) continue;
    const begunMs = line.clock.monotonicMs();
    try {
      const turn = await asSpan(offer, () => answerAt(line, offer, errand, { ...order, model: offer.model }, signal));
      const { inputTokens, outputTokens, dollars } = costOf(offer, turn, errand.lost);
      const recorded = { turn: { ...turn, inputTokens, outputTokens }, upstream: offer.upstream, dollars };
      line.book.settle(account, order.requestId, recorded, errand.lost, line.clock.now());
      line.meter.answered(recorded, (line.clock.monotonicMs() - begunMs) / 1000);
      return recorded;
    } catch (error) {
      // Anything else is a stop, a spent budget or a bug. What is open in the book counts as cut off: after a stop, which may
      // have closed the book, from the next start on; else at once, or turns would wait for what it had reserved.
      if (!(error instanceof UpstreamFailure)) {
        if (!signal.aborted) line.leftOpen.cutOff(account, order.requestId);
        throw error;
      }
      failures.push(error);
      const { upstream } = offer;
      line.log.warn({ upstream, kind: error.kind, attemptId: account.attemptId, error }, 'an upstream gave no answer');
      if (error.kind === 'refused') break;
      if (error.kind === 'contextTooLong') tooLongFor = offer.contextTokens;
    }
  }
  throw faultOf(failures);
}

/** By OpenTelemetry's conventions for generative AI; never a word of the conversation. */
async function asSpan(offer: Offer, ask: () => Promise<Turn>): Promise<Turn> {
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': offer.upstream,
    'gen_ai.request.model': offer.model,
  };
  return await inSpan(`chat ${offer.model}`, { kind: 'client', attributes }, async (span) => {
    const turn = await ask();
    span.set({
      'gen_ai.response.model': turn.model,
      'gen_ai.response.finish_reasons': [turn.finishReason],
      'gen_ai.usage.input_tokens': turn.inputTokens,
      'gen_ai.usage.output_tokens': turn.outputTokens,
    });
    return turn;
  });
}

function costOf(offer: Offer, turn: Turn, lost: Lost): Lost {
  return {
    inputTokens: turn.inputTokens + lost.inputTokens,
    outputTokens: turn.outputTokens + lost.outputTokens,
    dollars: priceOf(offer, turn.inputTokens, turn.outputTokens) + lost.dollars,
  };
}

/** The answer of one upstream, with calls that can be run as far as the model manages to make them. */
async function answerAt(
  line: Line,
  offer: Offer,
  errand: Errand,
  request: TurnRequest,
  signal: AbortSignal,
): Promise<Turn> {
  let asked = request;
  for (let repairs = 0; ; repairs += 1) {
    const turn = await askWithRetries(line, offer, errand, asked, signal);
    const tools = request.tools.map((tool) => tool.name);
    const mended = mendCalls(turn.message.content, turn.message.toolCalls, tools, request.messages.length);
    const message = { ...turn.message, content: mended.content, toolCalls: mended.calls };
    const finishReason = mended.calls.length > 0 ? 'tool_calls' : turn.finishReason;
    const better: Turn = { ...turn, message, finishReason };
    if (mended.complaints.length === 0 || repairs >= mostRepairs) return better;
    const next = { ...request, messages: [...request.messages, message, ...complaintsOf(mended)] };
    // A budget without room for the repair is no reason to lose the answer: the agent tells the model itself.
    if (!room(line, errand.account, next, offer).ok) return better;
    line.log.info({ upstream: offer.upstream, repairs }, 'a model is asked to mend its tool calls');
    lose(line, offer, errand, turn);
    asked = next;
  }
}

function complaintsOf({ complaints }: Mended): ChatMessage[] {
  return complaints.map(({ callId, text }) => ({ role: 'tool', content: text, toolCalls: [], toolCallId: callId }));
}

/** One upstream, as often as the retry rule allows. */
async function askWithRetries(
  line: Line,
  offer: Offer,
  errand: Errand,
  request: TurnRequest,
  signal: AbortSignal,
): Promise<Turn> {
  const lane = line.lanes.get(offer.upstream);
  if (lane === undefined) throw new Error(`invariant broken: no upstream ${offer.upstream}`);
  for (let tries = 1; ; tries += 1) {
    enterBreaker(line, lane);
    try {
      const turn = await askOnce(line, lane, offer, errand, request, signal);
      lane.breaker = closedBreaker;
      return turn;
    } catch (error) {
      if (!(error instanceof UpstreamFailure)) throw error;
      lane.breaker = afterCall(lane.breaker, !failsUpstream(error), line.clock.monotonicMs(), line.breaker);
      line.meter.failed(offer.upstream, error.kind);
      lose(line, offer, errand, error.billed);
      const decision = decideRetry(error, tries, line.retry, line.random());
      if (decision.kind !== 'retry') throw error;
      const { afterMs } = decision;
      line.log.info({ upstream: offer.upstream, kind: error.kind, tries, afterMs }, 'trying an upstream again');
      if (!(await delay(line.clock, afterMs, signal))) throw error;
    }
  }
}

function enterBreaker(line: Line, lane: Lane): void {
  const entry = admitCall(lane.breaker, line.clock.monotonicMs(), line.breaker);
  if (!entry.admitted) {
    throw new UpstreamFailure('overloaded', `upstream ${lane.upstream.name} failed often and is left alone for now`);
  }
  lane.breaker = entry.next;
}

/** A limited rate is the upstream's way of working, and a refused request says nothing about it. */
function failsUpstream({ kind }: UpstreamFailure): boolean {
  return kind !== 'rateLimited' && kind !== 'refused' && kind !== 'contextTooLong';
}

async function askOnce(
  line: Line,
  lane: Lane,
  offer: Offer,
  errand: Errand,
  request: TurnRequest,
  signal: AbortSignal,
): Promise<Turn> {
  const reservation = await reserveRoom(line, offer, errand, request, signal);
  const capped = reservation.capped ? { ...request, maxOutputTokens: reservation.outputTokens } : request;
  const ask = (): Promise<Turn> => {
    // It may have waited for long.
    if (!isOpen(line, errand.account)) {
      line.book.fail(errand.account, errand.requestId, nothingLost, line.clock.now());
      throw closedFault(errand.account);
    }
    return lane.upstream.complete(capped, signal);
  };
  return await lane.limiter.run(ask, {
    signal,
    tokens: estimateTokens(charactersOf(request)) + reservation.outputTokens,
    tokensOf: (turn) => turn.inputTokens + turn.outputTokens,
    isWanted: () => isOpen(line, errand.account),
  });
}

/**
 * What the turn may spend, written into the book; waits where nothing but other turns' reservations stands in its way.
 * Nothing may be awaited between looking and writing: two turns would find the same money.
 */
async function reserveRoom(
  line: Line,
  offer: Offer,
  { account, requestId, digest }: Errand,
  request: TurnRequest,
  signal: AbortSignal,
): Promise<Reservation> {
  for (;;) {
    line.leftOpen.settle();
    // It may have been closed since the turn was admitted, and what it cost been told: nothing is asked for after that.
    if (!isOpen(line, account)) throw closedFault(account);
    const reserved = room(line, account, request, offer);
    if (reserved.ok) {
      const reservation = reserved.value;
      const begun = { requestId, digest, upstream: offer.upstream, model: offer.model, reservation };
      line.book.begin(account, begun, line.clock.now());
      return reservation;
    }
    if (!room(line, account, request, offer, 'settledOnly').ok) {
      line.onSpent(account, reserved.error);
      throw spentFault(account, reserved.error);
    }
    await delay(line.clock, settleWaitMs, signal);
    signal.throwIfAborted();
  }
}

function isOpen({ book }: Line, { attemptId, epoch }: Account): boolean {
  return book.account(attemptId, epoch)?.closed === false;
}

/** Frees what was reserved and counts what is to be paid all the same. */
function lose(
  { book, clock }: Line,
  offer: Offer,
  errand: Errand,
  billed: { readonly inputTokens: number; readonly outputTokens: number },
): void {
  const { inputTokens, outputTokens } = billed;
  const lost = { inputTokens, outputTokens, dollars: priceOf(offer, inputTokens, outputTokens) };
  book.fail(errand.account, errand.requestId, lost, clock.now());
  errand.lost = {
    inputTokens: errand.lost.inputTokens + inputTokens,
    outputTokens: errand.lost.outputTokens + outputTokens,
    dollars: errand.lost.dollars + lost.dollars,
  };
}

function room(
  { book, budgets }: Pick<Line, 'book' | 'budgets'>,
  account: Account,
  request: TurnRequest,
  offer: Offer,
  counted: 'all' | 'settledOnly' = 'all',
) {
  const { attemptId, runId, host } = account;
  const run = { dollars: account.runDollars, outputTokens: account.runOutputTokens };
  const scopes: readonly (readonly [BudgetScope, Limits, () => SpentSoFar])[] = [
    ['attempt', tighter(account, budgets.perAttempt), () => book.spent(attemptId)],
    ['run', tighter(run, budgets.perRun), () => book.spentByRun(runId)],
    ['host', budgets.perHost, () => book.spentByHost(runId, host)],
  ];
  const limiting = scopes.filter(([, limits]) => limits.dollars > 0 || limits.outputTokens > 0);
  const all = limiting.map(([scope, limits, spent]): Budget => {
    const { dollars, outputTokens, openDollars, openOutputTokens } = spent();
    if (counted === 'all') return { scope, limits, spent: { dollars, outputTokens } };
    return { scope, limits, spent: { dollars: dollars - openDollars, outputTokens: outputTokens - openOutputTokens } };
  });
  const outputTokens = request.maxOutputTokens > 0 ? request.maxOutputTokens : offer.maxOutputTokens;
  return reserve(all, { inputCharacters: charactersOf(request), outputTokens }, offer);
}

/** The smaller limit of each kind, where 0 means none. */
function tighter(left: Limits, right: Limits): Limits {
  const least = (one: number, other: number): number => (one > 0 && other > 0 ? Math.min(one, other) : one + other);
  return {
    dollars: least(left.dollars, right.dollars),
    outputTokens: least(left.outputTokens, right.outputTokens),
  };
}

/** The refusal of a turn whose account was closed. */
export function closedFault({ attemptId, epoch }: AttemptKey): RpcFault {
  return new RpcFault('failedPrecondition', `the account of attempt ${attemptId}, epoch ${epoch}, is closed`, {
    reason: 'accountClosed',
    metadata: { attemptId },
  });
}

/** The refusal of a turn, or of an account, for which nothing is left. */
export function spentFault(
  account: AttemptKey & { readonly host: string },
  { scope, budget, limit, spent }: Exhausted,
): RpcFault {
  const words =
    budget === 'dollars' ? `${spent.toFixed(4)} of ${limit.toFixed(4)} dollars` : `${spent} of ${limit} output tokens`;
  const whose = {
    attempt: `attempt ${account.attemptId}`,
    run: `run ${account.runId}`,
    host: `host ${account.host} in run ${account.runId}`,
  }[scope];
  return new RpcFault('resourceExhausted', `${whose} has spent ${words}; the next turn does not fit`, {
    reason: 'budgetSpent',
    metadata: { attemptId: account.attemptId, scope, budget, limit: String(limit), spent: String(spent) },
  });
}

function faultOf(failures: readonly UpstreamFailure[]): RpcFault {
  const last = failures.at(-1);
  const said = failures.map((failure) => failure.message).join('; ');
  switch (last?.kind) {
    case 'contextTooLong':
      return new RpcFault('invalidArgument', `the conversation is too long for the model: ${said}`, {
        reason: 'contextTooLong',
      });
    case 'refused':
      return new RpcFault('invalidArgument', said, { reason: 'upstreamRefused' });
    case 'unauthorised':
      return new RpcFault('failedPrecondition', said, { reason: 'upstreamUnauthorised' });
    default:
      return new RpcFault('unavailable', `no upstream answered: ${said}`, { reason: 'upstreamUnavailable' });
  }
}
