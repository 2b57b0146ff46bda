// Where a benchmark's outcome goes: a table for people, JSON and an SVG chart in bench/results/.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** What a benchmark found. */
export interface BenchReport {
  readonly text: string;
  /** What we promise and did not hold, a sentence each. */
  readonly broken: readonly string[];
}

const directory = join(import.meta.dirname, 'results');

/** A text table; the first column is aligned left, the others right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}

/** Where a benchmark keeps a file of its own. */
export function resultPath(file: string): string {
  return join(directory, file);
}

/** Writes the measurements with what they were made on, and the chart where there is one; gives the path. */
export function writeResults(name: string, results: object, svg?: string): string {
  mkdirSync(directory, { recursive: true });
  const machine = { processor: cpus()[0]?.model ?? 'unknown', processors: cpus().length, node: process.version };
  const path = join(directory, `${name}.json`);
  writeFileSync(path, `${JSON.stringify({ name, machine, ...results }, undefined, 2)}\n`);
  if (svg !== undefined) writeFileSync(join(directory, `${name}.svg`), svg);
  return path;
}

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly series: number;
}

const [barHeight, labelWidth, chartWidth] = [16, 260, 480];
const colours = ['#1b6ca8', '#d95f02', '#7570b3', '#66a61e'];

/** Horizontal bars from zero. */
export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const most = Math.max(...bars.map((bar) => bar.value));
  const drawn = bars.map((bar, row) => {
    const top = 30 + row * (barHeight + 4);
    const width = (bar.value / most) * chartWidth;
    const colour = colours[bar.series % colours.length] ?? '#000';
    return [
      `<text x="${labelWidth - 8}" y="${top + 12}" text-anchor="end">${bar.label}</text>`,
      `<rect x="${labelWidth}" y="${top}" width="${width.toFixed(1)}" height="${barHeight}" fill="${colour}"/>`,
      `<text x="${(labelWidth + width + 6).toFixed(1)}" y="${top + 12}">${bar.value.toPrecision(3)} ${unit}</text>`,
    ].join('');
  });
  const size = `width="${labelWidth + chartWidth + 90}" height="${40 + bars.length * (barHeight + 4)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12"><text x="8" y="18" font-weight="bold">${title}</text>${drawn.join('')}</svg>\n`;
}
