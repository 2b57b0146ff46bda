// Labels that are labels by their form, and that nobody can have meant: warned of and not refused, because nobody can know.

import type { Metric } from '../core/metrics/metric.ts';
import type { TaskColumns } from './columns.ts';
import { listed } from './problem.ts';
import type { Targets } from './targets.ts';

/** How programs write that a value is missing; pandas reads most of them as such. */
const missingWords = new Set([
  '',
  '?',
  '-',
  'na',
  'n/a',
  '#n/a',
  '<na>',
  'nan',
  '-nan',
  'null',
  'none',
  'nil',
  'missing',
]);

/** A sentence for each finding. */
export function labelWarnings(metric: Metric, columns: TaskColumns, targets: Targets): string[] {
  const constant = targets.columns.flatMap(({ name, labels, truth }) => {
    if (new Set(truth).size !== 1) return [];
    return [
      `all ${truth.length} labels of the target ${JSON.stringify(name)} are ${JSON.stringify(labels[0])}: there is nothing to predict`,
    ];
  });
  // The classes of several columns of 0 and 1 are their names, and of texts and numbers there are none.
  const classes = metric.kind === 'numbers' || columns.oneHot ? [] : columns.classes;
  return [...constant, ...missingWarnings(classes), ...spellingWarnings(classes)];
}

function missingWarnings(classes: readonly string[]): string[] {
  const missing = classes.filter((label) => missingWords.has(plain(label)));
  if (missing.length === 0) return [];
  const [what, are] =
    missing.length === 1
      ? ['the label', 'looks like a value that is missing, and is']
      : ['the labels', 'look like values that are missing, and are'];
  return [`${what} ${listed(missing)} ${are} taken for a class like any other; leave such rows out where it is none`];
}

function spellingWarnings(classes: readonly string[]): string[] {
  const spellings = new Map<string, string[]>();
  for (const label of classes) spellings.set(plain(label), [...(spellings.get(plain(label)) ?? []), label]);
  const several = [...spellings.values()].filter((labels) => labels.length > 1);
  const shown = several.slice(0, 5).map((labels) => listed(labels));
  const more = several.length > shown.length ? `; and ${several.length - shown.length} more such groups` : '';
  if (several.length === 0) return [];
  return [
    `labels differ by capitals or surrounding spaces alone, and are classes of their own: ${shown.join('; ')}${more}`,
  ];
}

function plain(label: string): string {
  return label.trim().toLowerCase();
}
