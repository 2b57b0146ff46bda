// Tasks with several targets, or with texts to predict: beyond the recipes of this policy. It writes one plain program for
// them, which says so: trees for columns of numbers, the commonest value for all others.

import { seedRng } from '../../../shared/core/rng.ts';
import { failed } from './check.ts';
import type { Brief, Conversation, Step } from './conversation.ts';
import { mainPath } from './progress.ts';
import { literal } from './python-models.ts';
import { type Action, python, submit } from './turns.ts';

/** True where the task is for the plain program. */
export function needsColumnsPolicy({ task }: Brief): boolean {
  return task.targetColumns.length > 1 || task.predictionKind === 'numbers' || task.predictionKind === 'text';
}

/** Writes the program, tries it, falls back to constants where it fails, and submits. */
export function nextColumnsAction({ brief, steps }: Conversation, tools: Parameters<typeof python>[2]): Action {
  const written = steps.filter((step) => step.tool === 'write_file' && step.input['path'] === mainPath).length;
  const last = steps.at(-1);
  if (written === 0) return write(brief, 'trees');
  if (last?.tool === 'write_file') return tryOnce(tools);
  if (last !== undefined && hasFailed(last) && written === 1) return write(brief, 'constants');
  const model = written === 1 ? 'trees for each column of numbers' : 'constants';
  return submit(
    'It wrote what it should. It goes in.',
    `${brief.operator}: ${model}, the commonest value for other columns`,
    'A plain program: this policy has no recipes for several targets or texts, and compares nothing.',
    'Not cross-validated.',
  );
}

function hasFailed({ observation }: Step): boolean {
  return failed(observation) || !/^wrote \d+ answers/m.test(observation);
}

function write({ task, seed, operator, draft }: Brief, model: 'trees' | 'constants'): Action {
  const rng = seedRng(`${seed}:columns`);
  // Drafts of a run start beside each other: each takes another size of leaf.
  const turn = draft ? seedRng(`${draft.runSeed}:columns`).a + draft.number : rng.a;
  const pick = (values: readonly number[]): number => values[turn % values.length] ?? 1;
  const targets = task.targetColumns.length > 0 ? task.targetColumns : [task.targetColumn];
  const content = template
    .replace('<<ID>>', literal(task.idColumn))
    .replace('<<TARGETS>>', `[${targets.map(literal).join(', ')}]`)
    .replace('<<MODEL>>', literal(model))
    .replace('<<LEAF>>', String(pick([1, 2, 3, 5, 8])))
    .replace('<<SEED>>', String(rng.a % 1_000_000));
  const what = `The task has ${targets.length === 1 ? 'texts' : `${targets.length} targets`} to predict, for which I have no recipes.`;
  const how = model === 'trees' ? 'One plain program' : 'That failed. Constants only';
  const from = operator === 'draft' ? '' : ' I do not read the parents, so this is a fresh one.';
  return { thought: `${what} ${how}.${from}`, tool: 'write_file', input: { path: mainPath, content } };
}

function tryOnce(tools: Parameters<typeof python>[2]): Action {
  const code = `import runpy\n\nrunpy.run_path(${literal(mainPath)}, run_name="__main__")`;
  return python('A rehearsal before it counts.', code, tools, 300);
}

const template = `"""Trees for each target that is a number, the commonest value for every other column."""

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor

ID, TARGETS = <<ID>>, <<TARGETS>>
MODEL, LEAF, SEED = <<MODEL>>, <<LEAF>>, <<SEED>>


def features(frame, names):
    """Numbers as they are, everything else as the code of its value."""
    columns = {}
    for name in names:
        column = frame[name]
        if not pd.api.types.is_numeric_dtype(column):
            column = pd.Series(pd.factorize(column.astype(str), sort=True)[0], index=frame.index)
        columns[name] = column.astype(float)
    table = pd.DataFrame(columns)
    return table.fillna(table.median()).fillna(0)


def main():
    text = {ID: str}
    train, test = pd.read_csv("/data/train.csv", dtype=text), pd.read_csv("/data/test.csv", dtype=text)
    answers = pd.read_csv("/data/sample_submission.csv", dtype=text)
    names = [name for name in test.columns if name != ID]
    both = features(pd.concat([train[names], test[names]], ignore_index=True), names)
    numbers = [name for name in TARGETS if pd.api.types.is_numeric_dtype(train[name]) and not train[name].isna().any()]
    spread = {}
    for name in TARGETS:
        if name not in numbers:
            value = train[name].fillna("").astype(str).mode().iloc[0]
            test[name] = value
            continue
        y = train[name].to_numpy(float)
        predicted, spread[name] = np.full(len(test), y.mean()), y.std()
        if MODEL == "trees":
            model = ExtraTreesRegressor(200, min_samples_leaf=LEAF, random_state=SEED, bootstrap=True, oob_score=True)
            model.fit(both.iloc[: len(train)], y)
            predicted = model.predict(both.iloc[len(train) :])
            spread[name] = np.std(y - model.oob_prediction_)
        test[name] = np.clip(predicted, y.min(), y.max())
    if len(numbers) == len(TARGETS) > 1 and np.allclose(train[TARGETS].sum(axis=1), 1):
        shares = test[TARGETS].clip(lower=1e-4)
        test[TARGETS] = shares.div(shares.sum(axis=1), axis=0)
    rows = test.set_index(ID).loc[answers[ID]]
    columns = [name for name in answers.columns if name != ID]
    for place, name in enumerate(columns):
        if name in TARGETS:
            answers[name] = rows[name].to_numpy()
        elif len(numbers) == len(TARGETS) == 1:
            # One target and more columns than that: the value first, then its deviation.
            answers[name] = rows[TARGETS[0]].to_numpy() if place == 0 else spread[TARGETS[0]]
        elif len(TARGETS) > 1 and len(columns) == 1:
            # Several columns tell a class: the commonest one's name.
            answers[name] = train[TARGETS].mean().idxmax()
    answers.to_csv("/out/submission.csv", index=False)
    print(f"wrote {len(answers)} answers")


if __name__ == "__main__":
    main()
`;
