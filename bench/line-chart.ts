// A chart of values over a scale that may be logarithmic: one line a series, a dot a value.

export interface Line {
  readonly label: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xScale?: 'linear' | 'log';
  readonly yScale?: 'linear' | 'log';
  readonly lines: readonly Line[];
}

const [left, top, width, height, legendWidth] = [80, 40, 520, 300, 220];
const colours = ['#1b6ca8', '#d95f02', '#7570b3', '#66a61e', '#e7298a', '#666666', '#a6761d'];

type Scale = (value: number) => number;

/** From the smallest to the largest value; on a logarithmic scale values must be above zero. */
function scaleOf(values: readonly number[], kind: 'linear' | 'log', from: number, to: number): Scale {
  const place = (value: number): number => (kind === 'log' ? Math.log10(value) : value);
  const [low, high] = [Math.min(...values.map(place)), Math.max(...values.map(place))];
  return (value) => (high > low ? from + ((place(value) - low) / (high - low)) * (to - from) : (from + to) / 2);
}

/** One chart as an SVG document. */
export function lineChart({ title, xLabel, yLabel, xScale = 'linear', yScale = 'linear', lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const x = scaleOf(xs, xScale, left, left + width);
  const y = scaleOf(ys, yScale, top + height, top);
  const drawn = lines.map((line, index) => {
    const colour = colours[index % colours.length] ?? '#000';
    const places = line.points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`);
    const dots = places.map((place) => `<circle cx="${place.replace(',', '" cy="')}" r="3" fill="${colour}"/>`);
    const rowTop = top + 10 + index * 18;
    return [
      `<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
      ...dots,
      `<rect x="${left + width + 20}" y="${rowTop}" width="12" height="12" fill="${colour}"/>`,
      `<text x="${left + width + 38}" y="${rowTop + 10}">${line.label}</text>`,
    ].join('');
  });
  const number = (value: number): string => String(Number(value.toPrecision(4)));
  const axes = [
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="none" stroke="#bbb"/>`,
    ...[...new Set(xs)].map((value) => tick(x(value), top + height + 16, 'middle', number(value))),
    ...[Math.min(...ys), Math.max(...ys)].map((value) => tick(left - 6, y(value) + 4, 'end', number(value))),
    `<text x="${left + width / 2}" y="${top + height + 38}" text-anchor="middle">${xLabel}</text>`,
    `<text x="16" y="${top + height / 2}" text-anchor="middle" transform="rotate(-90 16 ${top + height / 2})">${yLabel}</text>`,
  ];
  const size = `width="${left + width + legendWidth}" height="${top + height + 50}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12"><text x="8" y="18" font-weight="bold">${title}</text>${axes.join('')}${drawn.join('')}</svg>\n`;
}

function tick(x: number, y: number, anchor: 'middle' | 'end', text: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${text}</text>`;
}
