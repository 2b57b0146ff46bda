// Numbers and words for people.

/** 4 significant digits, no exponent where it can be helped. @param {number | undefined | null} value */
export function score(value) {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(3);
  return value.toFixed(size >= 1000 ? 1 : size >= 100 ? 2 : size >= 10 ? 3 : 4);
}

/** `0.4120 ± 0.011`. @param {{ searchScore?: number, standardError?: number }} candidate */
export function scoreWithError({ searchScore, standardError }) {
  if (searchScore === undefined) return '';
  return standardError ? `${score(searchScore)} ± ${standardError.toPrecision(2)}` : score(searchScore);
}

/** @param {number | undefined} seconds */
export function duration(seconds) {
  if (seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds === 0) return '0';
  if (seconds < 10) return `${Number.isInteger(seconds) ? seconds : seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return twoParts(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 172_800) return twoParts(Math.floor(whole / 3600), 'h', Math.floor(whole / 60) % 60, 'min');
  return twoParts(Math.floor(whole / 86_400), 'd', Math.floor(whole / 3600) % 24, 'h');
}

/** @param {number} large @param {string} unit @param {number} small @param {string} smallUnit */
function twoParts(large, unit, small, smallUnit) {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${pad(small)} ${smallUnit}`;
}

/** @param {number} value */
function pad(value) {
  return String(value).padStart(2, '0');
}

/** @param {number | undefined} value */
export function bytes(value) {
  if (value === undefined || value === 0) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(Math.floor(Math.log2(value) / 10), 4);
  const scaled = value / 2 ** (10 * power);
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`;
}

/** 12,345 → 12.3k. @param {number | undefined} value */
export function count(value) {
  if (value === undefined) return '–';
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  return value >= 10_000 ? `${(value / 1000).toFixed(1)}k` : value.toLocaleString('en');
}

/** @param {number | undefined} value */
export function dollars(value) {
  if (!value) return '$0';
  return value < 0.01 ? '<$0.01' : `$${value.toFixed(2)}`;
}

/** An enum's name on the wire as words: FAILURE_REASON_OUT_OF_MEMORY → out of memory. @param {string | undefined} name */
export function word(name) {
  return (name ?? '')
    .replace(/^(CANDIDATE_STATE|RUN_STATE|HOST_STATE|FAILURE_REASON|OPERATOR|SLOT_KIND|HEALTH|SLOT_HEALTH)_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
}

/** Milliseconds since 1970. @param {string | undefined} text */
export function time(text) {
  return text ? Date.parse(text) : undefined;
}

/** Today's times without the date. @param {string | undefined} text */
export function clock(text) {
  const at = time(text);
  if (at === undefined) return '–';
  const date = new Date(at);
  const hours = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return date.toDateString() === new Date().toDateString() ? hours : `${day} ${hours}`;
}

/** @param {string | undefined} text */
export function ago(text) {
  const at = time(text);
  if (at === undefined) return '–';
  const seconds = Math.max(0, (Date.now() - at) / 1000);
  return seconds < 5 ? 'just now' : `${duration(seconds)} ago`;
}

/** The idea of a note in one line: `draft: support vector machine (C=1)`. @param {string | undefined} note */
export function idea(note) {
  const first = (note ?? '').split('\n').find((line) => line.trim() !== '') ?? '';
  return first
    .replace(/^#+\s*/, '')
    .replace(/^idea:\s*/i, '')
    .trim();
}
