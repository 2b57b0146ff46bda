// Scores as people read them: no more digits than their error leaves.

/** A score with four significant digits, never in exponent form for ordinary sizes. */
export function score(value: number): string {
  if (Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e9 || size < 1e-6) return value.toExponential(3);
  const digits = Math.min(8, Math.max(0, 3 - Math.floor(Math.log10(size))));
  return value.toFixed(digits);
}

/** `0.0931 ± 0.0102`: the error with two significant digits, the score with as many decimals. */
export function scoreWithError(value: number, standardError: number): string {
  if (!(standardError > 0) || !Number.isFinite(value)) return score(value);
  const decimals = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(standardError))));
  // An error that is shown as 0 would say that there is none.
  if (Number(standardError.toFixed(decimals)) === 0) return `${score(value)} ± ${standardError.toExponential(1)}`;
  return `${value.toFixed(decimals)} ± ${standardError.toFixed(decimals)}`;
}
