// Numbers as people read them; scores are rounded as the evaluator's own commands round them.

export { score, scoreWithError } from '../../shared/core/score-text.ts';

/** `4.2 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `15 s`, `1 min 40 s`, `2 h 00 min`: time that is left, rounded up, to a minute where that is fine enough. */
export function timeLeft(seconds: number): string {
  const unit = seconds < 120 ? 1 : 60;
  const whole = unit * Math.ceil(seconds / unit);
  return whole < 10 ? `${whole} s` : duration(whole);
}

/** `812 B`, `1.5 GiB`: powers of 1,024. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = Math.max(0, count);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `$0.0042`, `$12.30`; `–` for nothing spent. */
export function dollars(amount: number): string {
  if (!(amount > 0)) return '–';
  return `$${amount.toFixed(amount < 0.1 ? 4 : 2)}`;
}

/** `12,345`. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1 candidate`, `2 candidates`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `63 %`; never a certainty that is none. */
export function percent(share: number): string {
  if (share > 0.995 && share < 1) return '> 99 %';
  if (share > 0 && share < 0.005) return '< 1 %';
  return `${Math.round(share * 100)} %`;
}

const units: Readonly<Record<string, number>> = {
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
  d: 86_400,
};

/**
 * Seconds from `90s`, `10m`, `1h30m`, `2d`; undefined where the text is none of these or not above zero. A number without a
 * unit is none: whoever writes `--budget 5` means minutes as often as seconds.
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.trim().toLowerCase().replace(/\s+/g, '');
  if (!/^(\d+(\.\d+)?(sec|s|min|m|h|d))+$/.test(compact)) return undefined;
  let seconds = 0;
  for (const [, amount = '', unit = ''] of compact.matchAll(/(\d+(?:\.\d+)?)(sec|s|min|m|h|d)/g)) {
    seconds += Number(amount) * (units[unit] ?? Number.NaN);
  }
  return seconds > 0 && Number.isFinite(seconds) ? seconds : undefined;
}

const sizes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  kb: 1e3,
  m: 2 ** 20,
  mib: 2 ** 20,
  mb: 1e6,
  g: 2 ** 30,
  gib: 2 ** 30,
  gb: 1e9,
};

/** Bytes from `1536m`, `1.5GiB`, `2g`; undefined where the text is no size. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text.trim().toLowerCase());
  const factor = sizes[match?.[2] ?? '?'];
  if (match === null || factor === undefined) return undefined;
  const size = Math.round(Number(match[1]) * factor);
  return size > 0 ? size : undefined;
}

/** A moment to the minute, of a timestamp in UTC; empty where there is none. */
export function minute(timestamp: string | null | undefined): string {
  return (timestamp ?? '').slice(0, 16).replace('T', ' ');
}
