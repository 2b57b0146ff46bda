// Looks for labels in the extra public files of a task: a table whose ids are those of labelled rows and that has a
// column which tells their labels, or that simply has the target column, or a text with labels beside their ids.

import type { TaskFolder } from './folder.ts';
import { trainFile } from './folder.ts';
import { textEvidence } from './opaque-extras.ts';
import type { Problem } from './problem.ts';
import { columnOf, type Table } from './table.ts';

/** A column that holds this share of the labelled ids is an id column. */
const idShare = 0.5;
/** A column that is right for this share of the ids, beyond what the commonest label would give, tells labels. */
const labelShare = 0.9;

/** A problem for each extra file that tells labels. */
export function labelsInExtras(folder: TaskFolder, id: string, targets: readonly string[]): Problem[] {
  return targets.flatMap((target) => labelsOfTarget(folder, id, target));
}

function labelsOfTarget(folder: TaskFolder, id: string, target: string): Problem[] {
  const labels = labelsById(folder, id, target);
  return folder.extras.flatMap(({ path, bytes, table }) => {
    const evidence = table === undefined ? textEvidence(bytes, labels) : labelEvidence(table, labels, target);
    if (evidence === undefined) return [];
    const message = `labels inside a public file: ${evidence}`;
    return [{ file: path, message, remedy: 'Remove the labels, or take the file out of files in task.yaml' }];
  });
}

function labelsById(folder: TaskFolder, id: string, target: string): Map<string, string> {
  const labels = new Map<string, string>();
  for (const table of folder.answers === undefined ? [folder.train] : [folder.train, folder.answers]) {
    if (!table.columns.includes(id) || !table.columns.includes(target)) continue;
    const values = columnOf(table, target);
    columnOf(table, id).forEach((each, row) => {
      labels.set(each, values[row] ?? '');
    });
  }
  return labels;
}

function labelEvidence(table: Table, labels: Map<string, string>, target: string): string | undefined {
  if (table.columns.includes(target)) return `it has the target column ${JSON.stringify(target)} of ${trainFile}`;
  const idColumn = table.columns.find((column) => {
    const known = new Set(columnOf(table, column).filter((value) => labels.has(value)));
    return labels.size > 0 && known.size >= labels.size * idShare;
  });
  if (idColumn === undefined) return;
  const ids = columnOf(table, idColumn);
  const known = ids.map((each, row) => ({ row, label: labels.get(each) })).filter(({ label }) => label !== undefined);
  const counts = new Map<string | undefined, number>();
  for (const { label } of known) counts.set(label, (counts.get(label) ?? 0) + 1);
  const commonest = [...counts.values()].reduce((most, count) => Math.max(most, count), 0) / known.length;
  for (const column of table.columns.filter((each) => each !== idColumn)) {
    const values = columnOf(table, column);
    const right = known.filter(({ row, label }) => values[row] === label).length / known.length;
    if (right < commonest + (1 - commonest) * labelShare) continue;
    return `its column ${JSON.stringify(column)} gives the label of ${Math.round(right * 100)} % of the ids in ${JSON.stringify(idColumn)}`;
  }
  return;
}
