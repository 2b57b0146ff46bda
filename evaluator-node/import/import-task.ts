// Imports a task folder into the vault: all of it or nothing.

import { createHmac, randomBytes } from 'node:crypto';
import { sha256 } from '../../shared/store/digest.ts';
import { packFiles } from '../../shared/store/tree.ts';
import type { StoredTask, TaskDescription } from '../core/task.ts';
import { splitCodes } from '../vault/hidden-labels.ts';
import type { HiddenRows, OfficialRow, Vault } from '../vault/vault.ts';
import { type Bundle, buildBundle } from './bundle.ts';
import { readFolder } from './folder.ts';
import { graderPredicts } from './grader-predictions.ts';
import { planTask, type TaskPlan } from './plan.ts';
import { ImportError } from './problem.ts';
import { columnOf } from './table.ts';

export interface ImportOutcome {
  /** `unchanged`: this content is the current version already. `restored`: it was an earlier version and is current again. */
  readonly kind: 'imported' | 'newVersion' | 'restored' | 'unchanged';
  readonly task: StoredTask;
  readonly warnings: readonly string[];
  readonly plan: TaskPlan;
}

/** Reads, checks and splits a folder without writing anything; throws `ImportError` with all problems. */
export async function checkFolder(directory: string): Promise<TaskPlan> {
  const folder = await readFolder(directory);
  if (!folder.ok) throw new ImportError(directory, folder.error);
  const plan = planTask(folder.value);
  if (Array.isArray(plan)) throw new ImportError(directory, plan);
  return plan as TaskPlan;
}

/** Imports the folder. Equal content is a no-op; changed content becomes a new version for new runs. */
export async function importTask(
  vault: Vault,
  directory: string,
  secret: Buffer = randomBytes(32),
): Promise<ImportOutcome> {
  const plan = await checkFolder(directory);
  const { name } = plan.folder.settings;
  const { contentDigest } = plan.folder;
  const known = vault.findContent(name, contentDigest);
  const kind = outcomeOf(vault.findTask(name)?.version, known);
  if (known !== undefined) {
    vault.makeCurrent(name, known);
    return { kind, task: stored(vault, known), warnings: plan.warnings, plan };
  }
  const bundle = buildBundle(plan, secret);
  const tar = await packFiles(bundle.files);
  // Keyed, because a plain digest of the content would let a guess of the labels be checked.
  const version = createHmac('sha256', secret).update(`version:${contentDigest}`).digest('hex');
  vault.addVersion({
    version,
    contentDigest,
    secret,
    description: describeTask(plan, bundle),
    ...(plan.folder.grader === undefined ? {} : { grader: plan.folder.grader }),
    bundle: tar,
    bundleDigest: sha256(tar),
    hidden: {
      ids: bundle.hidden.map((row) => row.id),
      splits: Uint8Array.from(bundle.hidden, (row) => splitCodes.indexOf(row.split)),
      official: officialRows(plan, bundle),
      ...hiddenTruth(plan, bundle),
    },
  });
  return { kind, task: stored(vault, version), warnings: plan.warnings, plan };
}

/** What an import of content comes to: `known` is the version that has it already, `current` the one that new runs get. */
export function outcomeOf(current: string | undefined, known: string | undefined): ImportOutcome['kind'] {
  if (known !== undefined) return known === current ? 'unchanged' : 'restored';
  return current === undefined ? 'imported' : 'newVersion';
}

/** The official test rows in the order of the sample submission. */
function officialRows(plan: TaskPlan, bundle: Bundle): OfficialRow[] {
  const rows = new Map<string, number>();
  bundle.hidden.forEach((hidden, row) => {
    if (hidden.officialId !== undefined) rows.set(hidden.officialId, row);
  });
  const { sample } = plan.folder;
  return columnOf(sample, plan.columns.id).map((id) => ({ id, row: rows.get(id) ?? -1 }));
}

/** The answers of the hidden rows; of texts, only those that the hidden rows or the baseline have. */
function hiddenTruth(plan: TaskPlan, bundle: Bundle): Pick<HiddenRows, 'truth' | 'texts' | 'baseline'> {
  const truth = new Float64Array(bundle.hidden.length * plan.truthWidth);
  for (const [row, hidden] of bundle.hidden.entries()) truth.set(hidden.truth, row * plan.truthWidth);
  const { baseline, texts } = plan;
  if (texts === undefined) return { truth, baseline };
  const known = new Map<number, number>();
  const recode = (codes: Float64Array): Float64Array =>
    codes.map((code) => {
      if (Number.isNaN(code)) return code;
      const fresh = known.get(code) ?? known.size;
      known.set(code, fresh);
      return fresh;
    });
  const recoded = { truth: recode(truth), baseline: { ...baseline, row: recode(baseline.row) } };
  return { ...recoded, texts: [...known.keys()].map((code) => texts[code] ?? '') };
}

function stored(vault: Vault, version: string): StoredTask {
  const task = vault.taskOfVersion(version);
  if (task === undefined) throw new Error(`task version ${version} is not in the vault after its import`);
  return task;
}

/** What everybody may know of the task. */
function describeTask(plan: TaskPlan, bundle: Bundle): TaskDescription {
  const { settings } = plan.folder;
  const { columns, metric } = plan;
  return {
    name: settings.name,
    title: settings.title,
    metric: metric.name,
    ...(settings.grader === undefined
      ? {}
      : { grader: { ...settings.grader, predicts: graderPredicts(plan.folder, columns) } }),
    lowerIsBetter: metric.lowerIsBetter,
    kind: metric.kind,
    targetColumn: columns.targets[0] ?? '',
    ...(columns.targets.length === 1 ? {} : { targetColumns: columns.targets }),
    idColumn: columns.id,
    predictionColumns: columns.predictionColumns,
    ...(columns.columnWeights === undefined ? {} : { columnWeights: columns.columnWeights }),
    officialColumns: columns.officialColumns,
    classes: columns.classes,
    splitStrategy: plan.strategy,
    feedback: settings.feedback,
    ...(settings.queries === undefined ? {} : { queries: settings.queries }),
    ...(settings.image === undefined ? {} : { image: settings.image }),
    refit: settings.refit && !plan.folder.isBenchmark,
    ...(plan.folder.isBenchmark ? { isBenchmark: true } : {}),
    ...(settings.plausible === undefined ? {} : { plausible: settings.plausible }),
    source: settings.source,
    licence: settings.licence,
    description: bundle.description,
    trainRows: bundle.trainRows,
    testRows: bundle.hidden.length,
  };
}
