// From numbers to places on a chart.

export interface Scale {
  readonly low: number;
  readonly high: number;
  /** Pixels of `low` and `high`. */
  readonly from: number;
  readonly to: number;
}

/** The pixel of a value; values outside are put on the edge. */
export function place(scale: Scale, value: number): number {
  if (scale.high === scale.low) return (scale.from + scale.to) / 2;
  const share = (value - scale.low) / (scale.high - scale.low);
  return scale.from + Math.min(1, Math.max(0, share)) * (scale.to - scale.from);
}

/** Round values inside the scale, about `wanted` of them. */
export function ticks(low: number, high: number, wanted: number): number[] {
  const span = high - low;
  if (!(span > 0) || !Number.isFinite(span)) return [low];
  const rough = span / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const out: number[] = [];
  for (let index = Math.ceil(low / step); index * step <= high + step * 1e-9; index += 1) {
    out.push(Number((index * step).toPrecision(12)));
  }
  return out;
}

const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Round times from 0, about `wanted` of them. */
export function timeTicks(seconds: number, wanted: number): number[] {
  const rough = seconds / Math.max(1, wanted);
  const step = timeSteps.find((candidate) => candidate >= rough) ?? Math.ceil(rough / 86_400) * 86_400;
  const out: number[] = [];
  for (let time = 0; time <= seconds + 1e-9; time += step) out.push(time);
  return out;
}

/** `0:45`, `12:30`, `3:05 h`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}:${two(whole % 60)}`;
  return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))} h`;
}

/**
 * The range that shows most values well: far outliers on the worse side are left out, because one broken candidate would
 * otherwise flatten everybody else. `must` values are always inside.
 */
export function robustRange(
  values: readonly number[],
  must: readonly number[],
  lowerIsBetter: boolean,
): readonly [number, number] {
  const sorted = values.filter(Number.isFinite).sort((left, right) => left - right);
  const kept = must.filter(Number.isFinite);
  if (sorted.length + kept.length === 0) return [0, 1];
  const quantile = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? kept[0] ?? 0;
  const spread = Math.max(quantile(0.75) - quantile(0.25), Math.abs(quantile(0.5)) * 1e-3, 1e-12);
  const lowFence = lowerIsBetter ? Number.NEGATIVE_INFINITY : quantile(0.25) - 2.5 * spread;
  const highFence = lowerIsBetter ? quantile(0.75) + 2.5 * spread : Number.POSITIVE_INFINITY;
  const shown = [...sorted.filter((value) => value >= lowFence && value <= highFence), ...kept];
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - margin, high + margin];
}
