// A chart of repeated measurements: for each row a strip with one dot a value and a bar at the median.

export interface Strip {
  readonly label: string;
  readonly values: readonly number[];
  readonly median: number;
  readonly series: number;
}

/** Strips that share a scale. */
export interface StripGroup {
  readonly title: string;
  readonly strips: readonly Strip[];
}

const [stripHeight, labelWidth, chartWidth, headHeight] = [22, 120, 520, 40];
const colours = ['#d95f02', '#1b6ca8'];

/** Groups below each other, each on its own linear scale from its smallest to its largest value. */
export function stripChart(title: string, groups: readonly StripGroup[]): string {
  const parts: string[] = [`<text x="8" y="18" font-weight="bold">${title}</text>`];
  let top = headHeight;
  for (const group of groups) {
    parts.push(...drawGroup(group, top));
    top += (group.strips.length + 2) * stripHeight;
  }
  const size = `width="${labelWidth + chartWidth + 40}" height="${top}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">${parts.join('')}</svg>\n`;
}

function drawGroup({ title, strips }: StripGroup, top: number): string[] {
  const all = strips.flatMap((strip) => strip.values);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const at = (value: number): string =>
    (labelWidth + (high > low ? (value - low) / (high - low) : 0.5) * chartWidth).toFixed(1);
  const rows = strips.map(({ label, values, median, series }, row) => {
    const middle = top + (row + 1) * stripHeight;
    const colour = colours[series % colours.length] ?? '#000';
    const dots = values.map((value) => `<circle cx="${at(value)}" cy="${middle}" r="4" fill-opacity="0.5"/>`).join('');
    const bar = `<rect x="${(Number(at(median)) - 1.5).toFixed(1)}" y="${middle - 9}" width="3" height="18"/>`;
    const name = `<text x="${labelWidth - 10}" y="${middle + 4}" text-anchor="end">${label}</text>`;
    return `${name}<g fill="${colour}">${dots}${bar}</g>`;
  });
  const end = top + (strips.length + 1) * stripHeight;
  const scale = `<text x="${labelWidth}" y="${end}">${low.toPrecision(4)}</text><text x="${labelWidth + chartWidth}" y="${end}" text-anchor="end">${high.toPrecision(4)}</text>`;
  return [`<text x="8" y="${top + 4}">${title}</text>`, ...rows, scale];
}
