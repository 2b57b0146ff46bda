import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Metric } from '../core/metrics/metric.ts';
import { listedMetrics } from '../core/metrics/registry.ts';
import { checkFolder } from './import-task.ts';

const rows = Array.from({ length: 150 }, (_, row) => row + 1);

/** A folder whose target suits the metric's kind. */
async function folderFor(
  metric: string,
  label: (row: number) => string,
  columns: string,
  targets = ['y'],
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-metric-'));
  const train = rows.map((row) => `${row},${(row * 37) % 101},${label(row)}\n`).join('');
  const files = {
    'task.yaml': `name: one\nmetric: ${metric}\ntarget: [${targets.join(', ')}]\n`,
    'train.csv': `id,a,${targets.join(',')}\n${train}`,
    'test.csv': 'id,a\n901,1\n902,2\n',
    'sample_submission.csv': `id,${columns}\n901${',0'.repeat(columns.split(',').length)}\n902${',0'.repeat(columns.split(',').length)}\n`,
    'description.md': '# One\n',
  };
  for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content);
  return directory;
}

const number = (row: number): string => String(1 + ((row * 17) % 89));
const grade = (row: number): string => String((row * 11) % 7);
const bit = (row: number): string => String(Number((row * 11) % 3 === 0));

const text = (row: number): string => `${1 + ((row * 11) % 7)} ${(row % 5) + 1}`;

/** Values of so many targets, within what every metric takes: angles, degrees, shares, bits. */
const targetValues = (metric: Metric, row: number): string => {
  const width = metric.columns?.truth ?? 2;
  const bits = metric.truthProblem !== undefined;
  const first = bits ? bit(row) : String(((row * 17) % 10) / 10);
  const second = bits
    ? bit(row + 1)
    : metric.sharesOfOne === true
      ? String(1 - Number(first))
      : String(((row * 7) % 9) / 10);
  return width === 1 ? first : `${first},${second}`;
};

test.each(listedMetrics.map((metric) => [metric.name, metric] as const))(
  'a task by %s is importable',
  async (_, metric) => {
    const many = metric.kind === 'label' && metric.binary !== true;
    const wide = metric.kind === 'probabilities';
    const label = metric.kind === 'number' ? number : wide || many ? grade : bit;
    const several = metric.kind === 'numbers';
    const columns = several && (metric.columns?.prediction ?? 2) === 2 ? 'y,z' : wide ? '0,1,2,3,4,5,6' : 'y';
    const labels = several ? (row: number) => targetValues(metric, row) : metric.kind === 'text' ? text : label;
    const targets = several && metric.columns?.truth !== 1 ? ['y', 'z'] : ['y'];
    const plan = await checkFolder(await folderFor(metric.name, labels, columns, targets));
    expect(plan.metric.name).toBe(metric.name);
    expect(plan.baseline.row).toHaveLength(columns.split(',').length);
    expect(plan.truth).toHaveLength(rows.length * targets.length);
  },
);

test('answers that the metric cannot take are refused with file and line', async () => {
  const zero = (row: number): string => (row === 3 ? '0' : number(row));
  await expect(checkFolder(await folderFor('mape', zero, 'y'))).rejects.toThrow(
    /train.csv, line 4: the label 0 must not be 0: mape takes no other/,
  );
});
