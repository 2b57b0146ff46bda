// Writes programs: main.py from a recipe, and the lab that compares members on the same folds before one is chosen.
//
// Both are plain scikit-learn as a researcher would write it: only what the recipe needs is in the text.

import { growthOf } from './effort.ts';
import { Imports, literal, memberFunction, memberNames, supportCode } from './python-models.ts';
import { blendCode, dataCode, labCode, mainCode, scoreCode, validationCode } from './python-text.ts';
import type { Member, Recipe } from './recipe.ts';
import { describeMember, describeRecipe, recipeLine } from './recipe.ts';
import { isRegression, type Shape, type Task } from './task.ts';

/** What a program is written for. */
export interface ProgramContext {
  readonly task: Task;
  readonly shape: Shape;
  readonly seed: number;
}

/** main.py: trains on all labelled rows and writes /out/submission.csv; `check` cross-validates. */
export function mainProgram(recipe: Recipe, context: ProgramContext, provenance: string): string {
  const names = memberNames(recipe.members);
  const members = recipe.members.map(
    (member, index) => `    (${names[index]}, ${member.weight}, ${member.bags}),  # ${describeMember(member)}`,
  );
  const summary = describeRecipe(recipe).replaceAll('\\', '').replaceAll('"', "'");
  const doc = [
    `"""${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    '',
    ...provenance.split('\n').map((line) => line.replaceAll('\\', '').replaceAll('"', "'")),
    '',
    'python main.py          trains on every labelled row and writes /out/submission.csv',
    'python main.py --check  cross-validates on a sample and says how long a fit takes',
    '"""',
  ].join('\n');
  const table = ['# The models: how to build one, its weight, its bags.', 'MEMBERS = [', ...members, ']'].join('\n');
  return [
    recipeLine(recipe),
    doc,
    ...programBody(recipe, recipe.members, names, context, true),
    table,
    blendCode(recipe, context),
    validationCode(context),
    mainCode(context),
    '',
  ]
    .join('\n\n\n')
    .replace('\n\n\n', '\n')
    .replace(`${doc}\n\n\n`, `${doc}\n\n`);
}

/** lab.py: compares named members on equal folds, and finds the blend of them with the best out-of-fold score. */
export function labProgram(recipe: Recipe, named: readonly NamedMember[], context: ProgramContext): string {
  const members = named.map((entry) => entry.member);
  const names = memberNames(members);
  const rows = named.map(
    (entry, index) =>
      `    ${literal(entry.name)}: (${names[index]}, ${entry.member.bags}, ${growthOf(entry.member.family)}),  # ${describeMember(entry.member)}`,
  );
  const table = [
    '# What is compared: how to build one, its bags, the power of the row count that its time grows with.',
    'MEMBERS = {',
    ...rows,
    '}',
  ].join('\n');
  return [
    `"""Which of these models, and which blend of them, is best? Same rows and folds for all."""`,
    ...programBody(recipe, members, names, context, false),
    table,
    blendCode(recipe, context),
    validationCode(context),
    labCode(context),
    '',
  ]
    .join('\n\n\n')
    .replace('"""\n\n\n', '"""\n\n');
}

/** A member under the name that the lab prints. */
export interface NamedMember {
  readonly name: string;
  readonly member: Member;
}

function programBody(
  recipe: Recipe,
  members: readonly Member[],
  names: readonly string[],
  context: ProgramContext,
  main: boolean,
): string[] {
  const imports = new Imports();
  const functions = members.map((member, index) =>
    memberFunction(names[index] ?? 'model', member, context.shape, imports),
  );
  const support = supportCode(members, context.shape, imports);
  imports.add('sklearn.compose', 'make_column_selector');
  const score = scoreCode(context, imports);
  imports.add('sklearn.model_selection', isRegression(context.shape) ? 'RepeatedKFold' : 'RepeatedStratifiedKFold');
  const standard = ['json', 'os', ...(main ? ['sys'] : []), 'time', 'warnings'].map((name) => `import ${name}`);
  const head = [
    ...standard,
    '',
    'import numpy as np',
    'import pandas as pd',
    imports.lines(),
    '',
    'warnings.filterwarnings("ignore")  # small fits warn about convergence; the score tells',
    '',
    ...constants(recipe, members, context),
  ].join('\n');
  return [head, ...dataCode(recipe, context), ...support, ...functions, ...score];
}

function constants(recipe: Recipe, members: readonly Member[], context: ProgramContext): string[] {
  const { columns } = recipe;
  const lines = [
    `ID, TARGET = ${literal(context.task.idColumn)}, ${literal(context.task.targetColumn)}`,
    `SEED = int(os.environ.get("DOUBLEBLIND_SEED", "${context.seed}")) % 2**31`,
    'NUMBERS = make_column_selector(dtype_include="number")',
    `CATEGORIES = ${list(columns.categories)}`,
  ];
  if (!isRegression(context.shape))
    lines.push('CLASSES = np.array([])  # in the order of the predicted columns; filled by labelled()');
  if (columns.dates.length > 0) lines.push(`DATES = ${list(columns.dates)}`);
  if (columns.texts.length > 0) lines.push(`TEXTS = ${list(columns.texts)}`);
  if (columns.dropped.length > 0) lines.push(`DROPPED = ${list(columns.dropped)}`);
  if (members.some((member) => member.features.codes)) lines.push(`CODES = ${list(columns.codes)}`);
  if (members.some(({ features }) => features.pairs || features.categories === 'crossed'))
    lines.push(`PAIRS = ${list(columns.pairs)}`);
  if (members.some((member) => member.features.shifts)) lines.push(`SIDE = ${recipe.pictureSide}`);
  return lines;
}

function list(names: readonly string[]): string {
  const text = `[${names.map(literal).join(', ')}]`;
  if (text.length <= 100) return text;
  const rows: string[] = [];
  for (const name of names.map(literal)) {
    const last = rows.at(-1);
    if (last !== undefined && last.length + name.length < 100) rows[rows.length - 1] = `${last} ${name},`;
    else rows.push(`    ${name},`);
  }
  return `[\n${rows.join('\n')}\n]`;
}
