// The chart of the fleet's benchmark: cost per event over candidates, and how long free slots wait.

import type { Live } from './live.ts';

const [width, height, left, top] = [320, 180, 60, 40];

interface Point {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

/** Two panels beside each other; the dashed line of the second is what is promised of the median. */
export function fleetChart(
  costs: readonly { readonly candidates: number; readonly microseconds: number }[],
  lives: readonly Live[],
  promisedMs: number,
): string {
  const cost = costs.map(({ candidates, microseconds }) => ({
    ...{ x: Math.log10(candidates), y: microseconds, label: candidates.toLocaleString('en') },
  }));
  const waits = lives.flatMap(({ candidates, refill }, index) => [
    { x: 2 * index, y: refill.medianMs, label: `median, ${candidates.toLocaleString('en')}` },
    { x: 2 * index + 1, y: refill.p99Ms, label: 'p99' },
  ]);
  const size = `width="${2 * (width + left) + 60}" height="${height + top + 60}"`;
  const parts = [
    panel('µs of the processor per event, by candidates', cost, left, []),
    panel('ms from a free slot to its next attempt', waits, width + 2 * left + 20, [promisedMs]),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11">${parts.join('')}</svg>\n`;
}

function panel(title: string, points: readonly Point[], x0: number, lines: readonly number[]): string {
  const most = 1.1 * Math.max(...points.map(({ y }) => y), ...lines);
  const [low, high] = [Math.min(...points.map(({ x }) => x)) - 0.5, Math.max(...points.map(({ x }) => x)) + 0.5];
  const xOf = (x: number): string => (x0 + ((x - low) / (high - low)) * width).toFixed(1);
  const yOf = (y: number): string => (top + height - (y / most) * height).toFixed(1);
  const axis = `<path d="M${x0} ${top}V${top + height}H${x0 + width}" fill="none" stroke="#444"/>`;
  const scale = [0, most / 2, most].map(
    (y) => `<text x="${x0 - 6}" y="${Number(yOf(y)) + 4}" text-anchor="end">${y.toPrecision(2)}</text>`,
  );
  const dots = points.map(
    ({ x, y, label }) =>
      `<circle cx="${xOf(x)}" cy="${yOf(y)}" r="4" fill="#1b6ca8"/>` +
      `<text x="${xOf(x)}" y="${Number(yOf(y)) - 8}" text-anchor="middle">${y.toPrecision(3)}</text>` +
      `<text x="${xOf(x)}" y="${top + height + 16}" text-anchor="middle">${label}</text>`,
  );
  const promises = lines.map(
    (y) => `<path d="M${x0} ${yOf(y)}H${x0 + width}" stroke="#d95f02" stroke-dasharray="4 3"/>`,
  );
  return `<text x="${x0}" y="18" font-weight="bold">${title}</text>${axis}${scale.join('')}${promises.join('')}${dots.join('')}`;
}
