// Which upstreams may answer a model, in order of preference.

/** A model as an upstream offers it. */
export interface Offer {
  readonly upstream: string;
  readonly model: string;
  readonly languageModel: boolean;
  readonly inputDollarsPerMillion: number;
  readonly outputDollarsPerMillion: number;
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  readonly priceKnown: boolean;
}

/** Upstreams to try one after the other, or the names that exist where the model is not among them. */
export type Route =
  | { readonly kind: 'found'; readonly offers: readonly Offer[] }
  | { readonly kind: 'unknown'; readonly known: readonly string[] };

/** The model that answers where none is asked for: the first that was configured. */
function defaultOffer(offers: readonly Offer[]): Offer | undefined {
  return offers[0];
}

/**
 * The offers for a model, or for the default where `wanted` is empty. Several upstreams may serve one name; later ones
 * are fallbacks. A model never falls back to another model: the search compares like with like.
 */
export function route(offers: readonly Offer[], wanted: string): Route {
  const name = wanted === '' ? defaultOffer(offers)?.model : wanted;
  const found = offers.filter((offer) => offer.model === name);
  if (found.length > 0) return { kind: 'found', offers: found };
  return { kind: 'unknown', known: [...new Set(offers.map((offer) => offer.model))] };
}
