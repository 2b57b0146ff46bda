// Whether a model can be worked with: reachable, calls a tool as it is told, price known. One small turn for each upstream.
//
// The turn is asked for past limits, breakers and retries: the question is what the endpoint does now. It belongs to no run
// and to no budget; its price is told to the operator who asked.

import type { Clock } from '../shared/clock.ts';
import { RpcFault } from '../shared/rpc/fault.ts';
import type { Lane } from './answer.ts';
import { priceOf } from './core/budget.ts';
import { type Offer, route } from './core/route.ts';
import { mendCalls } from './core/tool-call-repair.ts';
import { type Turn, type TurnRequest, UpstreamFailure } from './upstream/upstream.ts';

/** What an upstream made of the turn. */
export interface ModelCheck {
  readonly upstream: string;
  readonly model: string;
  readonly languageModel: boolean;
  readonly reachable: boolean;
  readonly toolsWork: boolean;
  readonly priceKnown: boolean;
  /** Empty where all is well. */
  readonly detail: string;
  readonly seconds: number;
  readonly dollars: number;
}

const tool = 'report_sum';
/** Room for a reasoning model to think about a sum. */
const outputTokens = 2048;

const question: Omit<TurnRequest, 'model'> = {
  messages: [
    { role: 'system', content: 'Answer with a tool call and nothing else.', toolCalls: [], toolCallId: '' },
    { role: 'user', content: `Call ${tool} with the sum of 19 and 23.`, toolCalls: [], toolCallId: '' },
  ],
  tools: [
    {
      name: tool,
      description: 'Takes the sum that was asked for.',
      parametersJson: '{"type":"object","properties":{"sum":{"type":"integer"}},"required":["sum"]}',
    },
  ],
  seed: 1,
  maxOutputTokens: outputTokens,
};

/** Checks the model at every upstream that serves it; rejects where none does. */
export async function checkModel(
  model: string,
  offers: readonly Offer[],
  lanes: ReadonlyMap<string, Lane>,
  clock: Clock,
  signal: AbortSignal,
): Promise<ModelCheck[]> {
  const found = route(offers, model);
  if (found.kind === 'unknown') {
    throw new RpcFault('notFound', `no upstream serves the model ${model}; there are: ${found.known.join(', ')}`, {
      reason: 'unknownModel',
    });
  }
  return await Promise.all(found.offers.map((offer) => checkOffer(offer, lanes.get(offer.upstream), clock, signal)));
}

async function checkOffer(
  offer: Offer,
  lane: Lane | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<ModelCheck> {
  const begunMs = clock.monotonicMs();
  const { upstream, model, languageModel, priceKnown } = offer;
  const about = { upstream, model, languageModel, priceKnown };
  try {
    const turn = await lane?.upstream.complete({ ...question, model }, signal);
    if (turn === undefined) throw new Error(`invariant broken: no upstream ${upstream}`);
    const detail = problemOf(turn, offer);
    const seconds = (clock.monotonicMs() - begunMs) / 1000;
    const dollars = priceOf(offer, turn.inputTokens, turn.outputTokens);
    return { ...about, reachable: true, toolsWork: detail === '', detail, seconds, dollars };
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    const seconds = (clock.monotonicMs() - begunMs) / 1000;
    const reachable = error.kind === 'malformed' || error.kind === 'refused' || error.kind === 'rateLimited';
    return { ...about, reachable, toolsWork: false, detail: error.message, seconds, dollars: 0 };
  }
}

/** What is wrong with the answer; empty where it is as it should be. */
function problemOf({ message, finishReason }: Turn, { languageModel }: Offer): string {
  // The rule-based policy knows the tools of an attempt and no others.
  if (!languageModel) return '';
  const { calls, complaints } = mendCalls(message.content, message.toolCalls, [tool], 0);
  const [call] = calls;
  if (call === undefined) {
    return finishReason === 'length' ? 'it ran into its output limit' : 'it answered with text instead of a tool call';
  }
  if (complaints[0] !== undefined) return complaints[0].text;
  const { sum } = JSON.parse(call.argumentsJson) as { sum?: unknown };
  return Number(sum) === 42 ? '' : `it called the tool with ${call.argumentsJson.slice(0, 100)} instead of 42`;
}
