// Where a benchmark's outcome goes: a table for people, JSON and an SVG chart in bench/results/.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
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

/** What a benchmark runs on. The load is the mean number of processes that wanted a processor in the last minute. */
interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly loadAtStart: number;
}

const machine: Machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  processors: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: systemName(),
  node: process.version,
  loadAtStart: Number((loadavg()[0] ?? 0).toFixed(2)),
};

function systemName(): string {
  try {
    return /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';
  } catch {
    return process.platform;
  }
}

/** The command as it was typed. */
function commandLine(): string {
  return ['npm run bench --', ...process.argv.slice(2)].join(' ');
}

/** The lines that stand above every table: machine, versions, command. */
export function headLines(): string {
  const { processor, processors, memoryGiB, system, node, loadAtStart } = machine;
  const on = `${processors} × ${processor}, ${memoryGiB} GiB, ${system}, Node ${node.slice(1)}`;
  return `${commandLine()}\n${on}, load at the start ${loadAtStart}\n`;
}

/** Writes the measurements with what they were made on, and the chart where there is one; gives the path. */
export function writeResults(name: string, results: object, svg?: string): string {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name}.json`);
  const about = { name, command: commandLine(), machine: { ...machine, loadAtEnd: loadavg()[0] ?? 0 } };
  writeFileSync(path, `${JSON.stringify({ ...about, ...results }, undefined, 2)}\n`);
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
