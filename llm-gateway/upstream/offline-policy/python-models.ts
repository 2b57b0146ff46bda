// Python for the models of a recipe: one function per member, written out with its parameters.
//
// Owns the translation of families and features to scikit-learn 1.2. Values come from a checked recipe (recipe.ts);
// column names go through `literal`, so that a name cannot become code.

import type { Family, Features, Member } from './recipe.ts';
import { describeMember } from './recipe.ts';
import { isRegression, type Shape } from './task.ts';

/** Modules to names: the imports that a program needs. */
export class Imports {
  readonly #names = new Map<string, Set<string>>();

  add(module: string, ...names: string[]): void {
    const known = this.#names.get(module) ?? new Set<string>();
    for (const name of names) known.add(name);
    this.#names.set(module, known);
  }

  /** One `from … import …` line per module, sorted. */
  lines(): string {
    return [...this.#names]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(
        ([module, names]) =>
          `from ${module} import ${[...names].sort((left, right) => (left < right ? -1 : 1)).join(', ')}`,
      )
      .join('\n');
  }
}

/** A value as a Python literal. */
export function literal(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return JSON.stringify(value);
}

const functionNames: Readonly<Record<Family, string>> = {
  baseline: 'constant',
  linear: 'linear',
  knn: 'neighbours',
  randomForest: 'random_forest',
  extraTrees: 'extra_trees',
  histBoost: 'gradient_boosting',
  svm: 'support_vectors',
  mlp: 'neural_network',
};

/** Function names for members, in order, unique within a program. */
export function memberNames(members: readonly Member[]): string[] {
  const seen = new Map<string, number>();
  return members.map((member) => {
    const name = functionNames[member.family];
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name}_${count}`;
  });
}

interface Estimator {
  readonly module: string;
  readonly name: string;
  readonly fixed: Readonly<Record<string, string | number | boolean>>;
  readonly seeded: boolean;
}

function estimatorOf(family: Family, regression: boolean): Estimator {
  const suffix = regression ? 'Regressor' : 'Classifier';
  switch (family) {
    case 'baseline':
      return { module: 'sklearn.dummy', name: `Dummy${suffix}`, fixed: {}, seeded: false };
    case 'linear':
      return {
        module: 'sklearn.linear_model',
        name: regression ? 'Ridge' : 'LogisticRegression',
        fixed: {},
        seeded: false,
      };
    case 'knn':
      return { module: 'sklearn.neighbors', name: `KNeighbors${suffix}`, fixed: {}, seeded: false };
    case 'randomForest':
      return { module: 'sklearn.ensemble', name: `RandomForest${suffix}`, fixed: {}, seeded: true };
    case 'extraTrees':
      return { module: 'sklearn.ensemble', name: `ExtraTrees${suffix}`, fixed: {}, seeded: true };
    case 'histBoost':
      return { module: 'sklearn.ensemble', name: `HistGradientBoosting${suffix}`, fixed: {}, seeded: true };
    case 'svm':
      return regression
        ? { module: 'sklearn.svm', name: 'SVR', fixed: {}, seeded: false }
        : { module: 'sklearn.svm', name: 'SVC', fixed: { probability: true }, seeded: true };
    case 'mlp':
      return { module: 'sklearn.neural_network', name: `MLP${suffix}`, fixed: {}, seeded: true };
  }
}

/** The function that builds one member's model. */
export function memberFunction(name: string, member: Member, shape: Shape, imports: Imports): string {
  const regression = isRegression(shape);
  const estimator = estimatorOf(member.family, regression);
  imports.add(estimator.module, estimator.name);
  imports.add('sklearn.pipeline', 'make_pipeline');
  const parameters = Object.entries({ ...estimator.fixed, ...member.parameters }).map(
    ([key, value]) => `${key}=${literal(value)}`,
  );
  if (estimator.seeded) parameters.push('random_state=seed');
  const usesNative = member.features.categories === 'native' && member.family === 'histBoost';
  if (usesNative) parameters.push('categorical_features=list(range(len(CATEGORIES)))');
  const body = [
    `def ${name}(seed):`,
    `    """${sentence(describeMember(member))}"""`,
    ...columnSteps(member.features, usesNative, imports),
  ];
  body.push(...wrapLong(`    model = ${estimator.name}(${parameters.join(', ')})`));
  body.push(`    return ${wrapped(member, regression, imports)}`);
  return body.join('\n');
}

function sentence(text: string): string {
  const safe = text.replaceAll('\\', '').replaceAll('"', "'");
  return `${safe.charAt(0).toUpperCase()}${safe.slice(1)}.`;
}

function wrapLong(line: string): string[] {
  if (line.length <= 116) return [line];
  const open = line.indexOf('(');
  const close = line.lastIndexOf(')');
  const members = line.slice(open + 1, close).split(', ');
  return [line.slice(0, open + 1), ...members.map((text) => `        ${text},`), `    ${line.slice(close)}`];
}

function wrapped(member: Member, regression: boolean, imports: Imports): string {
  const { features, family } = member;
  const steps = ['columns'];
  if (features.components > 0) {
    imports.add('sklearn.decomposition', 'PCA');
    steps.push(`PCA(${features.components}, random_state=seed)`);
  }
  const pipeline = `make_pipeline(${[...steps, 'model'].join(', ')})`;
  if (regression && features.logTarget) {
    imports.add('sklearn.compose', 'TransformedTargetRegressor');
    return `TransformedTargetRegressor(${pipeline}, func=np.log1p, inverse_func=np.expm1)`;
  }
  if (regression && (family === 'svm' || family === 'mlp')) {
    imports.add('sklearn.compose', 'TransformedTargetRegressor');
    imports.add('sklearn.preprocessing', 'StandardScaler');
    return `TransformedTargetRegressor(${pipeline}, transformer=StandardScaler())`;
  }
  return features.shifts && !regression ? `Shifted(${pipeline}, copies=${copiesFor(family)})` : pipeline;
}

/** Moved copies of a picture: fewer where training time grows faster than the rows. */
function copiesFor(family: Family): number {
  return family === 'svm' || family === 'histBoost' || family === 'mlp' ? 1 : 4;
}

function columnSteps(features: Features, native: boolean, imports: Imports): string[] {
  imports.add('sklearn.compose', 'ColumnTransformer');
  const steps: string[] = [];
  // Native categories come first, so that their positions are known without looking at the data.
  const categories = categoryStep(features, native, imports);
  if (native && categories !== undefined) steps.push(`("categories", ${categories}, CATEGORIES)`);
  steps.push(`("numbers", ${numberStep(features, imports)}, NUMBERS)`);
  const seen = features.categories === 'crossed' ? 'CATEGORIES + PAIRS' : 'CATEGORIES';
  if (!native && categories !== undefined) steps.push(`("categories", ${categories}, ${seen})`);
  if (features.codes) {
    imports.add('sklearn.preprocessing', 'OneHotEncoder');
    steps.push('("codes", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CODES)');
  }
  if (features.pairs) {
    imports.add('sklearn.preprocessing', 'FunctionTransformer');
    const fill = features.numbers === 'raw' ? '' : `, ${numberStep({ ...features, numbers: 'standard' }, imports)}`;
    steps.push(`("pairs", make_pipeline(FunctionTransformer(pairs)${fill}), PAIRS)`);
  }
  return [
    '    columns = ColumnTransformer(',
    '        [',
    ...steps.map((step) => `            ${step},`),
    '        ]',
    '    )',
  ];
}

function numberStep(features: Features, imports: Imports): string {
  if (features.numbers === 'raw') return '"passthrough"';
  imports.add('sklearn.impute', 'SimpleImputer');
  const fill = 'SimpleImputer(strategy="median", add_indicator=True)';
  if (features.numbers === 'filled') return fill;
  imports.add('sklearn.preprocessing', 'StandardScaler');
  if (features.numbers === 'standard') return `make_pipeline(${fill}, StandardScaler())`;
  if (features.numbers === 'quantile') {
    imports.add('sklearn.preprocessing', 'QuantileTransformer');
    return `make_pipeline(${fill}, QuantileTransformer(n_quantiles=200, output_distribution="normal", random_state=0))`;
  }
  imports.add('sklearn.preprocessing', 'SplineTransformer');
  return `make_pipeline(${fill}, StandardScaler(), SplineTransformer(n_knots=6, knots="quantile", extrapolation="linear"))`;
}

function categoryStep(features: Features, native: boolean, imports: Imports): string | undefined {
  switch (features.categories) {
    case 'none':
      return undefined;
    case 'onehot':
      imports.add('sklearn.preprocessing', 'OneHotEncoder');
      return 'OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False)';
    case 'crossed':
      imports.add('sklearn.preprocessing', 'OneHotEncoder');
      return 'make_pipeline(Crosses(), OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5))';
    case 'frequency':
      return scaledUnlessRaw('Frequencies()', features, imports);
    case 'target':
      return scaledUnlessRaw('TargetMeans()', features, imports);
    case 'ordinal':
    case 'native': {
      imports.add('sklearn.preprocessing', 'OrdinalEncoder');
      const unknown = native ? 'np.nan' : '-1';
      return `OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=${unknown})`;
    }
  }
}

function scaledUnlessRaw(step: string, features: Features, imports: Imports): string {
  if (features.numbers === 'raw' || features.numbers === 'filled') return step;
  imports.add('sklearn.preprocessing', 'StandardScaler');
  return `make_pipeline(${step}, StandardScaler())`;
}

/** Classes and functions that the members of a program refer to. */
export function supportCode(members: readonly Member[], shape: Shape, imports: Imports): string[] {
  const parts: string[] = [];
  const uses = (test: (features: Features) => boolean): boolean => members.some((member) => test(member.features));
  if (uses((features) => features.categories === 'frequency')) {
    imports.add('sklearn.base', 'BaseEstimator', 'TransformerMixin');
    parts.push(frequencies);
  }
  if (uses((features) => features.categories === 'target')) {
    imports.add('sklearn.base', 'BaseEstimator', 'TransformerMixin');
    imports.add('sklearn.model_selection', 'KFold');
    parts.push(targetMeans);
  }
  if (uses((features) => features.categories === 'crossed')) {
    imports.add('sklearn.base', 'BaseEstimator', 'TransformerMixin');
    parts.push(crosses);
  }
  if (uses((features) => features.pairs)) parts.push(pairs);
  if (uses((features) => features.shifts) && !isRegression(shape)) {
    imports.add('sklearn.base', 'BaseEstimator', 'ClassifierMixin');
    parts.push(shifted);
  }
  return parts;
}

const frequencies = `class Frequencies(TransformerMixin, BaseEstimator):
    """A category becomes the share of training rows that have it."""

    def fit(self, x, y=None):
        self.shares_ = {name: x[name].value_counts(normalize=True) for name in x}
        return self

    def transform(self, x):
        return np.column_stack([x[name].map(shares).fillna(0.0) for name, shares in self.shares_.items()])`;

const targetMeans = `class TargetMeans(TransformerMixin, BaseEstimator):
    """A category becomes the smoothed mean of the target; training rows get the mean of other folds."""

    def fit(self, x, y):
        names, self.values_ = pd.factorize(y, sort=True) if y.dtype.kind in "OU" else (y, None)
        table = np.eye(len(self.values_))[names][:, 1:] if self.values_ is not None else np.c_[names]
        self.prior_ = table.mean(axis=0)
        self.means_ = {name: self._means(x[name], table) for name in x}
        return self

    def _means(self, column, table):
        sums = pd.DataFrame(table).groupby(column.to_numpy()).sum()
        counts = column.value_counts().reindex(sums.index).to_numpy()[:, None]
        return (sums + 10 * self.prior_) / (counts + 10)

    def transform(self, x):
        blocks = [means.reindex(x[name]).fillna(dict(enumerate(self.prior_))) for name, means in self.means_.items()]
        return np.hstack([block.to_numpy() for block in blocks])

    def fit_transform(self, x, y=None):
        parts = []
        for seen, unseen in KFold(5, shuffle=True, random_state=0).split(x):
            parts.append((unseen, TargetMeans().fit(x.iloc[seen], y[seen]).transform(x.iloc[unseen])))
        self.fit(x, y)
        result = self.transform(x)
        for unseen, block in parts:
            if block.shape[1] == result.shape[1]:
                result[unseen] = block
        return result`;

const crosses = `class Crosses(TransformerMixin, BaseEstimator):
    """Categories, numbers in eight steps, and every pair of them as a category of its own."""

    def fit(self, x, y=None):
        numbers = x.select_dtypes("number")
        self.edges_ = {name: np.unique(numbers[name].quantile(np.arange(1, 8) / 8).dropna()) for name in numbers}
        return self

    def transform(self, x):
        plain = {name: x[name].astype(str) for name in x if name not in self.edges_}
        for name, edges in self.edges_.items():
            step = pd.Series(np.digitize(x[name], edges), index=x.index).astype(str)
            plain[name] = step.where(x[name].notna(), "missing")
        names = list(plain)
        both = [(left, right) for at, left in enumerate(names) for right in names[at + 1 :]]
        crossed = {f"{left} and {right}": plain[left] + " and " + plain[right] for left, right in both}
        return pd.DataFrame({**plain, **crossed})`;

const pairs = `def pairs(frame):
    """Products and ratios of the columns that go with the target most."""
    table = frame.to_numpy(dtype=float)
    result = []
    for left in range(table.shape[1]):
        for right in range(left + 1, table.shape[1]):
            a, b = table[:, left], table[:, right]
            result += [a * b, a / np.where(np.abs(b) < 1e-9, np.nan, b)]
    return np.column_stack(result)`;

const shifted = `class Shifted(ClassifierMixin, BaseEstimator):
    """Trains a model on every picture and on copies of it, each moved by one pixel in a random direction."""

    def __init__(self, model, copies):
        self.model, self.copies = model, copies

    def fit(self, x, y):
        pictures = x.to_numpy().reshape(len(x), SIDE, SIDE)
        directions = [(1, 1), (1, -1), (2, 1), (2, -1)]
        random, rows = np.random.RandomState(0), [pictures]
        for _ in range(self.copies):
            moved = np.stack([np.roll(pictures, step, axis=axis) for axis, step in directions])
            rows.append(moved[random.randint(4, size=len(x)), np.arange(len(x))])
        table = np.concatenate(rows).reshape(-1, SIDE * SIDE)
        self.model.fit(pd.DataFrame(table, columns=x.columns), np.tile(y, len(rows)))
        self.classes_ = self.model.classes_
        return self

    def predict_proba(self, x):
        return self.model.predict_proba(x)`;
