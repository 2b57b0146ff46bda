// Python for everything in a program that is not a model: reading, scoring, blending, validating, writing.
//
// Every function here returns text for one section. The metric's own code is chosen here, so a program holds one metric.

import { type Imports, literal } from './python-models.ts';
import type { Recipe } from './recipe.ts';
import { hasStandIn, isRegression, type Shape, type Task } from './task.ts';

interface Context {
  readonly task: Task;
  readonly shape: Shape;
}

/** Reading the files and making columns that models can take. */
export function dataCode(recipe: Recipe, context: Context): string[] {
  const { columns } = recipe;
  const regression = isRegression(context.shape);
  const target = regression ? '' : ', TARGET: str';
  const steps = ['    frame = frame.drop(columns=[ID, TARGET], errors="ignore")'];
  if (columns.dropped.length > 0) steps[0] = '    frame = frame.drop(columns=[ID, TARGET, *DROPPED], errors="ignore")';
  if (columns.dates.length > 0) steps.push(...dateSteps);
  if (columns.texts.length > 0) steps.push(...textSteps);
  if (columns.categories.length > 0) {
    steps.push('    frame[CATEGORIES] = frame[CATEGORIES].fillna("missing").astype(str)');
  }
  return [
    `def read(name):
    """One of the task's files; ids${regression ? '' : ' and classes'} stay text, so that they go back as they came."""
    return pd.read_csv(f"/data/{name}.csv", dtype={ID: str${target}})`,
    `def columns_of(frame):
    """The columns that the models see."""
${steps.join('\n')}
    return frame`,
  ];
}

const dateSteps = [
  '    for name in DATES:',
  '        when = pd.to_datetime(frame[name], errors="coerce")',
  '        frame[f"{name} day"] = (when - pd.Timestamp("2000-01-01")).dt.days',
  '        frame[f"{name} weekday"] = when.dt.dayofweek',
  '        frame[f"{name} month"] = when.dt.month',
  '        frame[f"{name} season"] = np.cos(when.dt.dayofyear / 365.25 * 2 * np.pi)',
  '        frame[f"{name} hour"] = when.dt.hour + when.dt.minute / 60',
  '    frame = frame.drop(columns=DATES)',
];

const textSteps = [
  '    for name in TEXTS:',
  '        words = frame[name].fillna("").astype(str)',
  '        frame[f"{name} length"] = words.str.len()',
  '        frame[f"{name} words"] = words.str.count(" ") + 1',
  '        frame[f"{name} capitals"] = words.str.count("[A-Z]")',
  '    frame = frame.drop(columns=TEXTS)',
];

/** The metric, and what the models predict for it. */
export function scoreCode(context: Context, imports: Imports): string[] {
  return [scoreFunction(context, imports), predictFunction(context)];
}

function scoreFunction({ task, shape }: Context, imports: Imports): string {
  const name = hasStandIn(task) ? `A stand-in for ${task.metric}, which is not known` : task.metric;
  const head = `def score(y, predicted):\n    """${name}: ${task.lowerIsBetter ? 'lower' : 'higher'} is better."""\n`;
  return head + scoreBody(task, shape, imports);
}

const logLossOfClasses = `    chosen = predicted[np.arange(len(y)), np.searchsorted(CLASSES, y)]
    return -np.log(np.clip(chosen, 1e-15, 1)).mean()`;
const logLossOfHit = '    return -np.log(np.clip(np.where(hit, predicted, 1 - predicted), 1e-15, 1)).mean()';

function scoreBody(task: Task, shape: Shape, imports: Imports): string {
  const from = (name: string): string => {
    imports.add('sklearn.metrics', name);
    return name;
  };
  const positive = '    hit = y == np.unique(y)[-1]\n';
  switch (task.metric) {
    case 'log-loss':
      return shape === 'classes' ? logLossOfClasses : `${positive}${logLossOfHit}`;
    case 'average-precision':
      return `${positive}    return ${from('average_precision_score')}(hit, predicted)`;
    case 'brier':
      return `${positive}    return np.mean((predicted - hit) ** 2)`;
    case 'gini':
      return `${positive}    return 2 * ${from('roc_auc_score')}(hit, predicted) - 1`;
    case 'mae':
      return '    return np.abs(y - predicted).mean()';
    case 'mse':
      return '    return np.mean((y - predicted) ** 2)';
    case 'mape':
      return '    return np.mean(np.abs((y - predicted) / np.maximum(np.abs(y), 1e-12)))';
    case 'rmsle':
      return '    return np.sqrt(np.mean((np.log1p(np.maximum(predicted, 0)) - np.log1p(y)) ** 2))';
    case 'r2':
      return `    return ${from('r2_score')}(y, predicted)`;
    case 'spearman':
    case 'pearson':
      return `    return pd.Series(y).corr(pd.Series(predicted), method="${task.metric}")`;
    case 'f1-macro':
      return `    return ${from('f1_score')}(y, predicted, average="macro")`;
    case 'f1':
      return `    return ${from('f1_score')}(y, predicted, pos_label=np.unique(y)[-1])`;
    case 'balanced-accuracy':
      return `    return ${from('balanced_accuracy_score')}(y, predicted)`;
    case 'mcc':
      return `    return ${from('matthews_corrcoef')}(y, predicted)`;
    case 'qwk':
      return `    return ${from('cohen_kappa_score')}(y.astype(int), predicted.astype(int), weights="quadratic")`;
    default:
      return defaultScore(task, shape, positive, from);
  }
}

/** Stands in for metrics that this policy does not know: the usual one for the same kind of prediction, turned the task's way. */
function defaultScore({ lowerIsBetter }: Task, shape: Shape, positive: string, from: (name: string) => string): string {
  const squares = 'np.sqrt(np.mean((y - predicted) ** 2))';
  switch (shape) {
    case 'probability':
      return lowerIsBetter
        ? `${positive}${logLossOfHit}`
        : `${positive}    return ${from('roc_auc_score')}(hit, predicted)`;
    case 'label':
      return `    return np.mean(y ${lowerIsBetter ? '!=' : '=='} predicted)`;
    case 'classes':
      return lowerIsBetter ? logLossOfClasses : logLossOfClasses.replace('return -', 'return ');
    case 'number':
    case 'grade':
      return `    return ${lowerIsBetter ? '' : '-'}${squares}`;
  }
}

function predictFunction({ shape }: Context): string {
  const head = `def predict(build, bags, x, y, x_new):
    """Mean prediction of the fits of a model: ${isRegression(shape) ? 'one number a row' : 'one column per class'}."""
    total = 0.0
    for bag in range(bags):
        keep = len(x) if bags == 1 else int(0.9 * len(x))
        rows = np.random.RandomState(SEED + bag).permutation(len(x))[:keep]
        model = build(SEED + bag).fit(x.iloc[rows], y[rows])
`;
  if (isRegression(shape)) {
    return `${head}        total = total + np.clip(model.predict(x_new), y.min(), y.max())
    return total / bags`;
  }
  return `${head}        table = np.zeros((len(x_new), len(CLASSES)))
        table[:, np.searchsorted(CLASSES, model.classes_)] = model.predict_proba(x_new)
        total = total + table
    return total / bags`;
}

/** Averaging the members' predictions into the answer. */
export function blendCode(recipe: Recipe, { task, shape }: Context): string {
  const sharpenable = shape === 'classes' || (shape === 'probability' && task.metric !== 'roc-auc');
  const lines = [
    `def blend(tables, weights, how=${literal(recipe.blend)}, sharpen=${recipe.sharpen}):`,
    '    """Weighted mean of predictions; `how` is mean, log (geometric) or rank; `sharpen` is an exponent."""',
    '    weights = np.asarray(weights) / np.sum(weights)',
    '    if how == "log":',
    '        tables = [np.log(np.clip(table, 1e-9, None)) for table in tables]',
    '    if how == "rank":',
    '        tables = [pd.DataFrame(table).rank(pct=True).to_numpy() for table in tables]',
    '    mixed = sum(weight * table for weight, table in zip(weights, tables))',
    '    if how == "log":',
    '        mixed = np.exp(mixed)',
  ];
  // Nearest neighbours say 0 where they are merely sure; one such row would cost more than all others together.
  if (sharpenable)
    lines.push('    mixed = np.clip(mixed, 1e-9, None) ** sharpen', '    mixed = np.clip(mixed, 2e-4, None)');
  if (shape === 'classes') lines.push('    return mixed / mixed.sum(axis=1, keepdims=True)');
  else if (shape === 'probability') lines.push('    return mixed[:, -1] / (mixed[:, 0] + mixed[:, -1])');
  else if (shape === 'label') lines.push('    return CLASSES[mixed.argmax(axis=1)]');
  else if (shape === 'grade') lines.push('    return np.rint(mixed)');
  else lines.push('    return mixed');
  return lines.join('\n');
}

/** Out-of-fold predictions, shared by main.py's check and the lab. */
export function validationCode({ shape }: Context): string {
  const regression = isRegression(shape);
  const target = regression
    ? 'train[TARGET].to_numpy(dtype=float)'
    : 'train[TARGET].to_numpy(dtype=object).astype(str)';
  const folds = regression ? 'RepeatedKFold' : 'RepeatedStratifiedKFold';
  const classes = regression ? '' : '\n    global CLASSES\n    CLASSES = np.unique(y)';
  return `def labelled(rows=None):
    """Features and target of all labelled rows, or of a random sample of them."""
    train = read("train")
    y = ${target}${classes}
    chosen = np.random.RandomState(SEED).permutation(len(train))[:rows]
    return columns_of(train).iloc[chosen], y[chosen]


def each_fold(members, rows, folds, repeats):
    """For one fold after the other: truth, every member's predictions of rows unseen, seconds of each, rows seen."""
    x, y = labelled(rows)
    for seen, unseen in ${folds}(n_splits=folds, n_repeats=repeats, random_state=SEED).split(x, y):
        tables, spent = {}, {}
        for name, (build, bags) in members.items():
            begun = time.process_time()
            tables[name] = predict(build, bags, x.iloc[seen], y[seen], x.iloc[unseen])
            spent[name] = time.process_time() - begun
        yield y[unseen], tables, spent, len(seen)`;
}

/** Training for real, the quick check, and the command line. */
export function mainCode({ task, shape }: Context): string {
  const shares = isRegression(shape)
    ? 'np.full(len(y), y.mean())'
    : 'np.tile([np.mean(y == name) for name in CLASSES], (len(y), 1))';
  return `def check(rows=1500, folds=3, seconds=10.0):
    """Cross-validate the blend on a sample."""
    members = {f"{index} {build.__name__}": (build, bags) for index, (build, _, bags) in enumerate(MEMBERS)}
    weights = [weight for _, weight, _ in MEMBERS]
    scores, naive, spent, started = [], [], [], time.process_time()
    for y, tables, times, fitted in each_fold(members, rows, folds, 1):
        scores.append(score(y, blend(list(tables.values()), weights)))
        naive.append(score(y, blend([${shares}], [1])))
        spent.append(times)
        if time.process_time() - started + sum(times.values()) > seconds:
            break
    result = {"cv": float(np.mean(scores)), "sd": float(np.std(scores)), "folds": len(scores), "fittedRows": fitted}
    result["naive"] = float(np.mean(naive))
    result["seconds"] = {name: round(float(np.mean([times[name] for times in spent])), 3) for name in members}
    fit_seconds = sum(result["seconds"].values())
    print(f"cv ${task.metric}: {result['cv']:.5f} ± {result['sd']:.5f} ({len(scores)} folds), a constant {result['naive']:.5f}, fit {fit_seconds:.2f} s")
    print("result: " + json.dumps(result))


def main(rows=None):
    """Train on all labelled rows (or on a sample, to rehearse) and write the submission."""
    started = time.time()
    x, y = labelled(rows)
    test, sample = read("test"), read("sample_submission")
    x_new = columns_of(test)
    tables = []
    for build, weight, bags in MEMBERS:
        begun = time.time()
        tables.append(predict(build, bags, x, y, x_new))
        print(f"{build.__name__}: {bags} × {len(x)} rows in {time.time() - begun:.2f} s, weight {weight}")
    answers = blend(tables, [weight for _, weight, _ in MEMBERS])
${answerSteps(shape)}
    os.makedirs("/out", exist_ok=True)
    submission.to_csv("/out/submission.csv", index=False)
    print(f"wrote {submission.shape[0]} × {submission.shape[1]} answers after {time.time() - started:.2f} s")


if __name__ == "__main__":
    check() if "--check" in sys.argv else main()`;
}

function answerSteps(shape: Shape): string {
  if (shape === 'classes') {
    return `    answers = pd.DataFrame(answers, index=test[ID], columns=CLASSES).reindex(sample[ID])
    submission = sample[[ID]].copy()
    for name in sample.columns[1:]:
        submission[name] = answers[name].to_numpy() if name in answers else 0.0`;
  }
  const whole = shape === 'grade' ? '.astype(int)' : '';
  return `    submission = sample[[ID]].copy()
    submission[sample.columns[1]] = pd.Series(answers, index=test[ID]).reindex(sample[ID]).to_numpy()${whole}`;
}

/** The comparison that the lab runs. */
export function labCode({ task, shape }: Context): string {
  const better = task.lowerIsBetter ? '<' : '>';
  const hows =
    shape === 'probability'
      ? '"mean", "rank"'
      : shape === 'classes' || shape === 'number'
        ? '"mean", "log"'
        : '"mean",';
  const sharpened = shape === 'classes' || (shape === 'probability' && task.metric !== 'roc-auc');
  const exponents = sharpened ? '(0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)' : '(1.0,)';
  return `def better(a, b):
    """True where score a beats score b."""
    return b is None or a ${better} b


def climb(y, tables, how, cost, run_seconds, most):
    """Adds, again and again, the member that helps the blend most (Caruana and others, 2004), within the time of a run."""
    counts, best = dict.fromkeys(tables, 0), None
    run_seconds = max(run_seconds, min(cost[name] for name in tables))
    for _ in range(12):
        tried = {}
        for name in tables:
            trial = {**counts, name: counts[name] + 1}
            used = [other for other in tables if trial[other]]
            if len(used) <= most and sum(cost[n] for n in used) <= run_seconds:
                tried[name] = score(y, blend([tables[n] for n in used], [trial[n] for n in used], how, 1.0))
        name = ${task.lowerIsBetter ? 'min' : 'max'}(tried, key=tried.get)
        if not better(tried[name], best):
            break
        counts[name], best = counts[name] + 1, tried[name]
    return counts


def compare(rows, folds, seconds, run_seconds, most, current, how, sharpen):
    """Print every member's score, the current blend's, and the best blend's."""
    members = {name: (build, bags) for name, (build, bags, _) in MEMBERS.items()}
    truth, parts, cost, started = [], {name: [] for name in MEMBERS}, {}, time.process_time()
    grown, limits = len(read("train")), (run_seconds, most)
    for y, tables, spent, fitted in each_fold(members, rows, folds, 3):
        truth.append(y)
        for name in members:
            parts[name].append(tables[name])
            cost[name] = spent[name] * max(1.0, grown / fitted) ** MEMBERS[name][2]
        if len(truth) == 1:
            # Only what the blend wants after one fold is worth more time.
            wanted = {name for how in (${hows}) for name, n in climb(y, tables, how, cost, *limits).items() if n}
            for name in set(members) - wanted - set(current):
                del members[name]
        if time.process_time() - started + sum(spent[name] for name in members) > seconds:
            break
    report = {"members": {}, "folds": len(truth), "fittedRows": fitted}
    for name in MEMBERS:
        scores = [score(y, blend([part], [1], "mean", 1.0)) for y, part in zip(truth, parts[name])]
        report["members"][name] = {"cv": np.mean(scores), "sd": np.std(scores), "seconds": cost[name]}
        remark = "" if name in members else "  (dropped after one fold)"
        print(f"{name:<28} ${task.metric} {np.mean(scores):.5f} ± {np.std(scores):.5f}  full run {cost[name]:.2f} s{remark}")
    y, tables = np.concatenate(truth), {name: np.concatenate(parts[name]) for name in members}
    if current:
        now = score(y, blend([tables[name] for name in current], list(current.values()), how, sharpen))
        report["current"] = now
        print(f"{'as the parent has it':<28} ${task.metric} {now:.5f}")
    best = None
    for how in (${hows}):
        counts = climb(y, tables, how, cost, *limits)
        used = [name for name in counts if counts[name]]
        for sharpen in ${exponents}:
            reached = score(y, blend([tables[n] for n in used], [counts[n] for n in used], how, sharpen))
            if better(reached, best and best["cv"]):
                weights = {name: counts[name] / sum(counts.values()) for name in used}
                best = {"cv": reached, "how": how, "sharpen": sharpen, "weights": weights}
    report["best"] = best
    print(f"{'best blend of all':<28} ${task.metric} {best['cv']:.5f}  {best['how']}, sharpen {best['sharpen']}")
    print("result: " + json.dumps(report, default=float))`;
}
