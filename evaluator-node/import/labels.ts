// Turns the text of a target column into numbers: class indexes, 0 and 1, or values.

import type { Metric } from '../core/metrics/metric.ts';
import type { TaskSettings } from '../core/task.ts';
import { parseDecimal } from '../submission/decimal.ts';
import { trainFile } from './folder.ts';
import { firstOf, type Problem } from './problem.ts';
import { settingsFile } from './settings.ts';
import { columnOf, type Table } from './table.ts';

export interface LabelColumn {
  readonly file: string;
  readonly labels: readonly string[];
  readonly lines: readonly number[];
}

/** Pairs of labels whose second one is plainly the positive. */
const knownPairs: readonly (readonly [string, string])[] = [
  ['0', '1'],
  ['false', 'true'],
  ['no', 'yes'],
  ['n', 'y'],
  ['negative', 'positive'],
  ['neg', 'pos'],
];

/** Distinct labels in their natural order: by value where all are numbers, else by code point. */
export function distinctLabels(labels: readonly string[]): string[] {
  const distinct = [...new Set(labels)];
  const numeric = distinct.every((label) => !Number.isNaN(numberOf(label)));
  return distinct.sort((left, right) =>
    numeric ? numberOf(left) - numberOf(right) : left < right ? -1 : left > right ? 1 : 0,
  );
}

/** The two labels, negative first, or why that is unclear. */
export function binaryClasses(labels: readonly string[], settings: TaskSettings): string[] | Problem {
  const found = distinctLabels(labels);
  const [first, second] = found;
  if (first === undefined || second === undefined || found.length !== 2) {
    const shown = found.slice(0, 5).map((label) => JSON.stringify(label));
    const message = `the target ${settings.targets.map((target) => JSON.stringify(target)).join(', ')} has ${found.length} different labels (${shown.join(', ')}…); ${settings.metric} with one column takes 2`;
    return { file: trainFile, message, remedy: 'Choose another target or metric' };
  }
  if (settings.positive !== undefined) {
    if (!found.includes(settings.positive)) {
      const message = `positive is ${JSON.stringify(settings.positive)}, the labels are ${JSON.stringify(first)} and ${JSON.stringify(second)}`;
      return { file: settingsFile, message, remedy: 'Write one of the two' };
    }
    return settings.positive === second ? [first, second] : [second, first];
  }
  const isKnown = (pair: readonly [string, string], low: string, high: string): boolean =>
    pair[0] === low.toLowerCase() && pair[1] === high.toLowerCase();
  if (knownPairs.some((pair) => isKnown(pair, first, second))) return [first, second];
  if (knownPairs.some((pair) => isKnown(pair, second, first))) return [second, first];
  const message = `which of the labels ${JSON.stringify(first)} and ${JSON.stringify(second)} is the positive one is not clear`;
  return {
    file: settingsFile,
    message,
    remedy: 'Add a line such as `positive: yes` with that label',
    atInit: { file: trainFile, remedy: 'Name it with --positive' },
  };
}

/** The labels as numbers, with a problem for each that does not fit. */
export function encodeLabels(
  column: LabelColumn,
  metric: Metric,
  classes: readonly string[],
  domain = metric.domain,
): { truth: Float64Array; problems: Problem[] } {
  const { file, labels, lines } = column;
  const byLabel = new Map(classes.map((label, index) => [label, index]));
  const problems: Problem[] = [];
  const refuse = (row: number, message: string, remedy: string): void => {
    const line = lines[row];
    problems.push(line === undefined ? { file, message, remedy } : { file, line, message, remedy });
  };
  const truth = Float64Array.from(labels, (label, row) => {
    if (label === '') {
      refuse(row, 'the label is empty', 'Fill it in, or leave the row out');
      return Number.NaN;
    }
    if (metric.kind === 'number' || metric.kind === 'numbers') {
      const value = numberOf(label);
      const { low, high } = domain ?? { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
      if (Number.isNaN(value)) {
        const message = `the label ${JSON.stringify(label)} is not a number, and ${metric.name} takes numbers`;
        refuse(row, message, 'Correct it, or choose a metric for classes');
      } else if (value < low || value > high) {
        const bound = value < low ? `below ${low}` : `above ${high}`;
        const message = `the label ${label} is ${bound}, which ${metric.name} does not take`;
        refuse(row, message, 'Correct it, or choose another metric');
      }
      const problem = Number.isNaN(value) ? undefined : metric.truthProblem?.(value);
      if (problem !== undefined) {
        refuse(
          row,
          `the label ${label} ${problem}: ${metric.name} takes no other`,
          'Correct it, or choose another metric',
        );
      }
      return value;
    }
    const index = byLabel.get(label);
    if (index === undefined) {
      const known = classes.slice(0, 8).map((each) => JSON.stringify(each));
      refuse(
        row,
        `the label ${JSON.stringify(label)} is not one of ${known.join(', ')}`,
        'Correct it, or add its class to the sample submission',
      );
    }
    return index ?? Number.NaN;
  });
  return { truth, problems: firstOf(problems) };
}

/** The number that a label is, by the grammar of submissions, or NaN. */
export function numberOf(label: string): number {
  const bytes = Buffer.from(label);
  return parseDecimal(bytes, 0, bytes.length);
}

/** The class that several columns of 0 and 1 tell, named like its column. */
export function oneHotLabels(table: Table, names: readonly string[]): string[] {
  const values = names.map((name) => columnOf(table, name).map(numberOf));
  return table.rows.map((_, row) => {
    const hot = names.filter((_name, index) => values[index]?.[row] === 1);
    const cold = values.filter((column) => column[row] === 0).length;
    return hot.length === 1 && cold === names.length - 1 ? (hot[0] ?? '') : '';
  });
}
