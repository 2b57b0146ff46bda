// The word that somebody probably meant.

import { editDistance } from '../../shared/core/edit-distance.ts';

/** The nearest known word, if one is near enough to be a slip of the finger or the beginning of it. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of known) {
    const distance = word.length >= 2 && candidate.startsWith(word) ? 0.5 : editDistance(word, candidate);
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { word: candidate, distance };
  }
  return best?.word;
}
