// The public bundle of a task: what agents see. One canonical writer, opaque keyed ids, keyed row order.
//
// Invariants:
// 1. An id is `r` and 12 hex digits of an HMAC under the version's secret: equal width, no order, never read as a number.
// 2. The order of rows is that of another HMAC of the same row, so it says nothing that the id does not.
// 3. test.csv holds search, validation and official test rows; nothing tells which row is which.
// 4. Equal plan and secret give equal bytes.

import { createHmac } from 'node:crypto';
import type { TreeFile } from '../../shared/store/tree.ts';
import { csvText } from '../core/csv-text.ts';
import type { Metric } from '../core/metrics/metric.ts';
import type { TaskColumns } from './columns.ts';
import { descriptionFile, sampleFile, testFile, trainFile } from './folder.ts';
import { type Media, opaquePath } from './media.ts';
import type { TaskPlan } from './plan.ts';
import { columnOf } from './table.ts';

/** Where a row of test.csv comes from. */
type HiddenSplit = 'search' | 'validation' | 'test';

interface HiddenRow {
  /** As in the public test.csv. */
  readonly id: string;
  readonly split: HiddenSplit;
  /** A value for each answer column, as in the plan; NaN where the label is not known. */
  readonly truth: Float64Array;
  /** Id in the official test.csv; only for `test`. */
  readonly officialId?: string;
}

export interface Bundle {
  readonly files: readonly TreeFile[];
  /** In the order of the public test.csv. */
  readonly hidden: readonly HiddenRow[];
  readonly description: string;
  readonly trainRows: number;
}

interface PublicRow extends RowMedia {
  readonly id: string;
  readonly order: string;
  readonly fields: readonly string[];
  readonly hidden?: Omit<HiddenRow, 'id'>;
}

/** Builds the bundle. The secret is 32 random bytes that never leave the vault. */
export function buildBundle(plan: TaskPlan, secret: Buffer): Bundle {
  const { columns, folder } = plan;
  const labelled = labelledRows(plan, secret);
  const training = labelled.filter((row) => row.hidden === undefined).sort(byOrder);
  const hidden = [...labelled.filter((row) => row.hidden !== undefined), ...officialRows(plan, secret)].sort(byOrder);
  const ids = new Set([...training, ...hidden].map((row) => row.id));
  if (ids.size !== training.length + hidden.length) throw new Error('two rows got the same opaque id; import again');
  const trainHeader = [columns.id, ...columns.features, ...columns.trainOnly, ...columns.targets];
  const description = describe(plan, training.length, hidden.length);
  const files = [
    textFile(trainFile, csv(trainHeader, training)),
    textFile(testFile, csv([columns.id, ...columns.features], hidden)),
    textFile(
      sampleFile,
      csv(
        [columns.id, ...columns.predictionColumns],
        hidden.map((row) => sampleRow(plan, row)),
      ),
    ),
    textFile(descriptionFile, description),
    ...folder.extras.map((extra) => ({ path: extra.path, bytes: extra.bytes, executable: false })),
    ...mediaFiles(plan, [...training, ...hidden]),
  ];
  const hiddenRows = hidden.flatMap((row) => (row.hidden === undefined ? [] : [{ id: row.id, ...row.hidden }]));
  return { files, hidden: hiddenRows, description, trainRows: training.length };
}

function labelledRows(plan: TaskPlan, secret: Buffer): PublicRow[] {
  const { train } = plan.folder;
  const { columns } = plan;
  const features = columns.features.map((name) => columnOf(train, name));
  const all = [...features, ...[...columns.trainOnly, ...columns.targets].map((name) => columnOf(train, name))];
  const ids = columns.trainHasIds ? columnOf(train, columns.id) : undefined;
  return train.rows.map((_, row) => {
    const keys = rowKeys(secret, `train:${ids?.[row] ?? row}`);
    const split = plan.splits[row] ?? 'train';
    const media = mediaOf(plan, secret, keys.id, plan.folder.media?.train[row]);
    const field = (column: string[], at: number): string => mediaField(plan, media, at) ?? column[row] ?? '';
    if (split === 'train') return { ...keys, ...media, fields: all.map(field) };
    const hidden = { split, truth: rowOf(plan, plan.truth, row) };
    return { ...keys, ...media, fields: features.map(field), hidden };
  });
}

function officialRows(plan: TaskPlan, secret: Buffer): PublicRow[] {
  const { test } = plan.folder;
  const features = plan.columns.features.map((name) => columnOf(test, name));
  return columnOf(test, plan.columns.id).map((officialId, row) => {
    const keys = rowKeys(secret, `test:${officialId}`);
    const media = mediaOf(plan, secret, keys.id, plan.folder.media?.test[row]);
    return {
      ...keys,
      ...media,
      fields: features.map((column, at) => mediaField(plan, media, at) ?? column[row] ?? ''),
      hidden: { split: 'test', truth: rowOf(plan, plan.testTruth, row), officialId },
    };
  });
}

function rowOf({ truthWidth }: TaskPlan, truth: Float64Array, row: number): Float64Array {
  return truth.subarray(row * truthWidth, (row + 1) * truthWidth);
}

/** The file of a row: where it was, and where it is in the bundle. */
interface RowMedia {
  readonly file?: { readonly from: string; readonly to: string };
}

function mediaOf(plan: TaskPlan, secret: Buffer, rowId: string, from: string | undefined): RowMedia {
  const { media } = plan.folder;
  if (media === undefined || from === undefined) return {};
  const named = media.column === plan.columns.id ? rowId : undefined;
  return { file: { from, to: opaquePath(media, secret, from, named) } };
}

/** The rewritten field, where the column at this place is the one that names files. */
function mediaField(plan: TaskPlan, { file }: RowMedia, at: number): string | undefined {
  return plan.columns.features[at] === plan.folder.media?.column ? file?.to : undefined;
}

/** Each file once, in the order of the new names, which says nothing. */
function mediaFiles(plan: TaskPlan, rows: readonly PublicRow[]): TreeFile[] {
  const files = new Map<string, TreeFile>();
  for (const { file } of rows) {
    const bytes = file === undefined ? undefined : plan.folder.media?.files.get(file.from);
    if (file !== undefined && bytes !== undefined) files.set(file.to, { path: file.to, bytes, executable: false });
  }
  return [...files.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}

function rowKeys(secret: Buffer, name: string): { id: string; order: string } {
  const id = createHmac('sha256', secret).update(`id:${name}`).digest('hex').slice(0, 12);
  return { id: `r${id}`, order: createHmac('sha256', secret).update(`order:${name}`).digest('hex') };
}

function byOrder(left: PublicRow, right: PublicRow): number {
  return left.order < right.order ? -1 : 1;
}

/** A row of the sample submission: valid, constant, and it knows nothing. */
function sampleRow(plan: TaskPlan, row: PublicRow): PublicRow {
  const width = plan.columns.predictionColumns.length;
  switch (plan.metric.kind) {
    case 'probabilities':
      return {
        ...row,
        fields: new Array<string>(width).fill(width === 1 ? '0.5' : String(Number((1 / width).toFixed(6)))),
      };
    case 'probability':
      return { ...row, fields: ['0.5'] };
    case 'number':
      return { ...row, fields: ['0'] };
    case 'label':
      return { ...row, fields: [plan.columns.classes[0] ?? ''] };
    case 'numbers': {
      const share = plan.metric.sharesOfOne === true ? String(Number((1 / width).toFixed(6))) : '0';
      return { ...row, fields: new Array<string>(width).fill(share) };
    }
    case 'text':
      return { ...row, fields: plan.folder.grader === undefined ? [''] : baselineFields(plan) };
  }
}

function baselineFields({ baseline, texts }: TaskPlan): string[] {
  return Array.from(baseline.row, (code) => texts?.[code] ?? '');
}

function textFile(path: string, text: string): TreeFile {
  return { path, bytes: Buffer.from(text, 'utf8'), executable: false };
}

/** The canonical writer: LF, a field quoted only where it must be, every value as it stood in the original. */
function csv(header: readonly string[], rows: readonly PublicRow[]): string {
  return csvText([header, ...rows.map((row) => [row.id, ...row.fields])]);
}

function describe(plan: TaskPlan, trainRows: number, testRows: number): string {
  const { folder, columns, metric } = plan;
  const goal = metric.lowerIsBetter ? 'lower is better' : 'higher is better';
  const body = folder.description.trim() === '' ? `# ${folder.settings.title}` : folder.description.trim();
  const lines = [
    body,
    '',
    '## Files and evaluation',
    '',
    `- \`${trainFile}\`: ${trainRows} rows with the ${columns.targets.length === 1 ? 'target' : 'targets'} \`${columns.targets.join(', ')}\`.`,
    `- \`${testFile}\`: ${testRows} rows without it; predict every one.`,
    `- \`${sampleFile}\`: the format of a submission, with the columns \`${[columns.id, ...columns.predictionColumns].join(',')}\`.`,
    ...folder.extras.map((extra) => `- \`${extra.path}\``),
    ...(folder.media === undefined ? [] : [mediaNote(folder.media, columns.id)]),
    '',
    `Submissions are scored by **${metric.title}** (\`${metric.name}\`, ${goal}). ${predictionNote(plan)}`,
    'Ids are opaque and rows are in no order.',
    '',
  ];
  return lines.join('\n');
}

function mediaNote({ folder, column }: Media, id: string): string {
  if (column === id) return `- \`${folder}/\`: one file a row, named by the row's \`${id}\` and an ending.`;
  return `- \`${folder}/\`: the files that the column \`${column}\` names.`;
}

function predictionNote(plan: TaskPlan): string {
  const { columns, metric } = plan;
  switch (metric.kind) {
    case 'probabilities':
      return columns.predictionColumns.length > 1
        ? 'Predict one probability per class; the probabilities of a row sum to 1.'
        : `Predict the probability of the label \`${columns.classes[1] ?? ''}\`.`;
    case 'probability':
      return `Predict the probability, from 0 to 1, of the label \`${columns.classes[1] ?? ''}\`.`;
    case 'number':
      return 'Predict one finite number a row.';
    case 'label':
      return `Predict one of the labels ${columns.classes.slice(0, 20).join(', ')}.`;
    case 'numbers':
      return metric.sharesOfOne === true
        ? 'Predict a share for every column; the shares of a row sum to 1.'
        : `Predict one finite number${rangeNote(metric)} in every column.${weightNote(columns)}`;
    case 'text':
      if (plan.folder.grader !== undefined) return 'Predict every column of the sample submission.';
      return 'Predict one text a row; it may be empty.';
  }
}

function rangeNote({ predictionRange }: Metric): string {
  if (predictionRange === undefined) return '';
  const { low, high } = predictionRange;
  return high === Number.MAX_VALUE ? ` of at least ${low}` : ` between ${low} and ${high}`;
}

function weightNote({ predictionColumns, columnWeights }: TaskColumns): string {
  if (columnWeights === undefined) return '';
  const weights = predictionColumns.map((name, index) => `\`${name}\` ${columnWeights[index] ?? 1}`);
  return ` Columns count ${weights.join(', ')}.`;
}
