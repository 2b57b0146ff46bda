// What a turn may cost before it is asked for, and what is left of a budget.
//
// Invariant: the sum of settled cost and open reservations never passes a limit at the time of a reservation, so that
// turns asked for at the same time cannot spend the same money.

/** Limits of a budget; 0 means none. */
export interface Limits {
  readonly dollars: number;
  readonly outputTokens: number;
}

/** What is spent and what is reserved. */
export interface Spent {
  readonly dollars: number;
  readonly outputTokens: number;
}

/** Whose budget it is. */
export type BudgetScope = 'run' | 'host' | 'attempt';

/** A budget with what has been taken out of it. */
export interface Budget {
  readonly scope: BudgetScope;
  readonly limits: Limits;
  readonly spent: Spent;
}

/** Prices in US dollars per million tokens. */
export interface Price {
  readonly inputDollarsPerMillion: number;
  readonly outputDollarsPerMillion: number;
}

/** What a turn reserves. */
export interface Reservation {
  readonly dollars: number;
  readonly outputTokens: number;
  /** True where a budget limits the turn: then `outputTokens` is to be its cap. */
  readonly capped: boolean;
}

/** Characters per token; English prose has about four, code and numbers fewer, so three errs on the dear side. */
const charactersPerToken = 3;

/** A turn with less room than this cannot hold a useful tool call; it is refused instead. */
const leastOutputTokens = 256;

/** Tokens of a text where no tokenizer is at hand. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / charactersPerToken);
}

/** The price of a turn in dollars. */
export function priceOf(price: Price, inputTokens: number, outputTokens: number): number {
  return (inputTokens * price.inputDollarsPerMillion + outputTokens * price.outputDollarsPerMillion) / 1_000_000;
}

/** A budget that is used up, with the figures for the message. */
export interface Exhausted {
  readonly scope: BudgetScope;
  readonly budget: 'dollars' | 'outputTokens';
  readonly limit: number;
  readonly spent: number;
}

/**
 * What to reserve for a turn, or which budget has nothing left for it. A turn that does not fit whole is reserved with
 * fewer output tokens as long as it can still be useful; the caller caps it at what was reserved.
 */
export function reserve(
  budgets: readonly Budget[],
  turn: { readonly inputCharacters: number; readonly outputTokens: number },
  price: Price,
): { readonly ok: true; readonly value: Reservation } | { readonly ok: false; readonly error: Exhausted } {
  const inputDollars = priceOf(price, estimateTokens(turn.inputCharacters), 0);
  const least = Math.min(leastOutputTokens, turn.outputTokens);
  let { outputTokens } = turn;
  let capped = false;
  for (const { scope, limits, spent } of budgets) {
    if (limits.outputTokens > 0) {
      capped = true;
      const left = limits.outputTokens - spent.outputTokens;
      if (left < least) return exhausted(scope, 'outputTokens', limits, spent);
      outputTokens = Math.min(outputTokens, left);
    }
    if (limits.dollars > 0) {
      capped = true;
      const left = limits.dollars - spent.dollars - inputDollars;
      if (left < priceOf(price, 0, least) || limits.dollars <= spent.dollars)
        return exhausted(scope, 'dollars', limits, spent);
      if (price.outputDollarsPerMillion > 0) {
        outputTokens = Math.min(outputTokens, Math.floor((left * 1_000_000) / price.outputDollarsPerMillion));
      }
    }
  }
  return { ok: true, value: { dollars: inputDollars + priceOf(price, 0, outputTokens), outputTokens, capped } };
}

function exhausted(
  scope: BudgetScope,
  budget: Exhausted['budget'],
  limits: Limits,
  spent: Spent,
): { readonly ok: false; readonly error: Exhausted } {
  return { ok: false, error: { scope, budget, limit: limits[budget], spent: spent[budget] } };
}
