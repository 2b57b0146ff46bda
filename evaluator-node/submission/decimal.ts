// Numbers of a submission: `-?digits[.digits][e[+-]digits]` in ASCII and nothing else. Number('') is 0 and
// Number('0x10') is 16, parseFloat('1abc') is 1; so the grammar is checked here before anything is converted.
//
// The double nearest to the text, always: up to 15 digits one operation rounds correctly (Clinger 1990); up to 19, as
// programs print doubles, the quotient is taken in twice the precision and kept where its error cannot change the
// rounding (Ziv 1991); the rest, about one in 10^12 and longer texts, goes through Number.

const minus = 45;
const plus = 43;
const dot = 46;
const zero = 48;
const upperE = 69;
const lowerE = 101;

/** Powers of ten that a double holds exactly. */
const exactPowers = Float64Array.from({ length: 23 }, (_, power) => 10 ** power);

/** Longest number read, in bytes; `repr` of a double needs at most 24. */
const longestNumber = 400;
/** Digits that a double holds exactly. */
const exactDigits = 15;
/** Digits of the two-part path: the second part has at most four. */
const pairDigits = 19;

/** The number in bytes [start, end), or NaN where it is none or not finite. */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > longestNumber) return Number.NaN;
  const negative = bytes[start] === minus;
  const integerStart = negative ? start + 1 : start;
  let at = integerStart;
  // The first 15 significant digits, the next ones, and how many there are in all.
  let lead = 0;
  let tail = 0;
  let digits = 0;
  let fraction = -1;
  for (; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    const digit = byte - zero;
    if (digit >= 0 && digit <= 9) {
      if (digits < exactDigits) lead = lead * 10 + digit;
      else if (digits < pairDigits) tail = tail * 10 + digit;
      // Zeros in front are not significant.
      if (digits > 0 || digit > 0) digits += 1;
    } else if (byte === dot && fraction < 0 && at > integerStart) fraction = at + 1;
    else break;
  }
  if (at === integerStart || fraction === at) return Number.NaN;
  let scale = fraction < 0 ? 0 : fraction - at;
  if (at < end) scale += parseExponent(bytes, at, end);
  if (Number.isNaN(scale)) return Number.NaN;
  if (scale >= -22 && scale <= 22) {
    const power = exactPowers[scale < 0 ? -scale : scale] ?? 1;
    if (digits <= exactDigits) {
      const value = scale < 0 ? lead / power : lead * power;
      return negative ? -value : value;
    }
    if (digits <= pairDigits && scale <= 0) {
      const value = quotient(lead, exactPowers[digits - exactDigits] ?? 1, tail, power);
      if (!Number.isNaN(value)) return negative ? -value : value;
    }
  }
  return throughText(bytes, start, end);
}

function throughText(bytes: Uint8Array, start: number, end: number): number {
  const value = Number(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'));
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Splits a double into two of 26 bits (Veltkamp 1968). */
const splitter = 2 ** 27 + 1;
/** Far above the error of `quotient`, about 2^-102; far below the half unit of a double. */
const pairError = 2 ** -98;

/** (lead × shift + tail) / divisor to the nearest double, or NaN where that is not certain. All are exact whole numbers. */
function quotient(lead: number, shift: number, tail: number, divisor: number): number {
  // lead × shift + tail as the exact sum of two doubles (Dekker 1971).
  const product = lead * shift;
  const leadHigh = lead * splitter - (lead * splitter - lead);
  const leadLow = lead - leadHigh;
  const productError = leadHigh * shift - product + leadLow * shift;
  const high = product + tail;
  const low = tail - (high - product) + productError;
  const first = high / divisor;
  // first × divisor as the exact sum of two doubles.
  const back = first * divisor;
  const firstHigh = first * splitter - (first * splitter - first);
  const firstLow = first - firstHigh;
  const divisorHigh = divisor * splitter - (divisor * splitter - divisor);
  const divisorLow = divisor - divisorHigh;
  const backError =
    firstHigh * divisorHigh - back + firstHigh * divisorLow + firstLow * divisorHigh + firstLow * divisorLow;
  const second = (high - back - backError + low) / divisor;
  const spread = first * pairError;
  const value = first + (second - spread);
  return value === first + (second + spread) ? value : Number.NaN;
}

/** The exponent that starts with an e at `at` and fills the rest, or NaN. */
function parseExponent(bytes: Uint8Array, at: number, end: number): number {
  if (bytes[at] !== lowerE && bytes[at] !== upperE) return Number.NaN;
  let next = at + 1;
  const sign = bytes[next];
  if (sign === plus || sign === minus) next += 1;
  if (next === end) return Number.NaN;
  let exponent = 0;
  for (; next < end; next += 1) {
    const digit = (bytes[next] ?? 0) - zero;
    if (digit < 0 || digit > 9) return Number.NaN;
    exponent = Math.min(100_000, exponent * 10 + digit);
  }
  return sign === minus ? -exponent : exponent;
}
