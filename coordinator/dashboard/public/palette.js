// Colours on canvases: of the theme, of operators, of scores.

import { colour } from './dom.js';

export const operators = ['draft', 'mutate', 'crossover', 'repair'];

/** Stops of the scale from the worst to the best score; they get darker on paper and brighter on black. */
const scoreStops = {
  light: [
    [222, 226, 234],
    [176, 205, 214],
    [104, 178, 176],
    [34, 142, 126],
    [9, 92, 80],
  ],
  dark: [
    [52, 60, 76],
    [46, 88, 104],
    [38, 128, 128],
    [52, 176, 146],
    [134, 239, 186],
  ],
};

/** The theme's colours as they are now; ask again after the theme has changed. @returns {Record<string, string> & { stops: number[][] }} */
export function palette() {
  const names = ['ink', 'soft', 'faint', 'line', 'panel', 'accent', 'good', 'bad', 'warn', 'paper', ...operators];
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const colours = Object.fromEntries(names.map((name) => [name, colour(name)]));
  return /** @type {any} */ ({
    ...colours,
    stops: dark ? scoreStops.dark : scoreStops.light,
    font: '11px system-ui, sans-serif',
  });
}

/**
 * A colour for a place between worst (0) and best (1).
 * @param {readonly number[][]} stops
 * @param {number} place
 */
export function scoreColour(stops, place) {
  const at = Math.min(1, Math.max(0, place)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const mixed = stops[low].map((value, index) => Math.round(value + (stops[low + 1][index] - value) * (at - low)));
  return `rgb(${mixed.join(' ')})`;
}
