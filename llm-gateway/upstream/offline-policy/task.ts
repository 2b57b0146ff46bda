// What the policy must know about a task: the shape of its predictions and the direction of its metric.

/** What a submission holds: a probability per class, one probability, one number, a label, or an ordered grade. */
export type Shape = 'classes' | 'probability' | 'number' | 'label' | 'grade';

/** The task of an attempt, as the brief tells it. */
export interface Task {
  readonly name: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly idColumn: string;
  readonly targetColumn: string;
  /** All of several. */
  readonly targetColumns: readonly string[];
  /** What a row of a submission holds, in the evaluator's words; empty where it is not told. */
  readonly predictionKind: string;
  readonly predictionColumns: readonly string[];
}

const shapeOfMetric: Readonly<Record<string, Shape>> = {
  'log-loss': 'classes',
  'roc-auc': 'probability',
  'average-precision': 'probability',
  brier: 'probability',
  gini: 'probability',
  rmse: 'number',
  mse: 'number',
  mae: 'number',
  rmsle: 'number',
  r2: 'number',
  mape: 'number',
  spearman: 'number',
  pearson: 'number',
  accuracy: 'label',
  'balanced-accuracy': 'label',
  'f1-macro': 'label',
  'f1-micro': 'label',
  f1: 'label',
  mcc: 'label',
  qwk: 'grade',
};

/** By what the evaluator says of predictions, for metrics that this policy does not know and for graders of a task's own. */
const shapeOfKind: Readonly<Record<string, Shape>> = {
  probabilities: 'classes',
  probability: 'probability',
  label: 'label',
  number: 'number',
};

/** The shape of a task's predictions; `targetIsNumber` settles what neither metric nor kind tells. */
export function shapeOf(task: Task, targetIsNumber: boolean): Shape {
  const known = shapeOfMetric[task.metric] ?? shapeOfKind[task.predictionKind];
  if (known === 'classes' && task.predictionColumns.length === 1) return 'probability';
  if (known !== undefined) return known;
  if (task.predictionColumns.length > 1) return 'classes';
  return targetIsNumber ? 'number' : 'label';
}

/** True where the figures of programs are of a metric that stands in for the task's own. */
export function hasStandIn({ metric }: Task): boolean {
  return shapeOfMetric[metric] === undefined;
}

/** True where models of the task are regressors. */
export function isRegression(shape: Shape): boolean {
  return shape === 'number' || shape === 'grade';
}

/** True where the first score is better than the second. */
export function isBetter(task: Task, first: number, second: number): boolean {
  return task.lowerIsBetter ? first < second : first > second;
}
