// Texts as codes: what lets columns of texts travel, be split and be drawn from like columns of numbers.

import type { Rows } from './metric.ts';

/** Codes into a list of distinct texts, numbered in order of their first row: equal columns, equal codes. */
export interface CodedTexts {
  readonly codes: Float64Array;
  readonly texts: readonly string[];
}

/** Codes a column of texts. */
export function codeTexts(values: readonly string[]): CodedTexts {
  const known = new Map<string, number>();
  const codes = Float64Array.from(values, (text) => {
    const code = known.get(text) ?? known.size;
    known.set(text, code);
    return code;
  });
  return { codes, texts: [...known.keys()] };
}

/** Answers and predictions over one list of texts. */
export function joinTexts(
  truth: CodedTexts,
  prediction: CodedTexts,
): { readonly truth: Float64Array; readonly prediction: Float64Array; readonly texts: readonly string[] } {
  return {
    truth: truth.codes,
    prediction: prediction.codes.map((code) => code + truth.texts.length),
    texts: [...truth.texts, ...prediction.texts],
  };
}

/** Answers with predictions beside them; where both are codes of texts, these become one list. */
export function withPredictions(
  truth: Omit<Rows, 'prediction'>,
  prediction: Float64Array,
  texts?: readonly string[],
): Rows {
  if (texts === undefined || truth.texts === undefined) return { ...truth, prediction };
  return { ...truth, ...joinTexts({ codes: truth.truth, texts: truth.texts }, { codes: prediction, texts }) };
}
