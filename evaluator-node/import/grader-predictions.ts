// What a row of a submission holds where a task brings its own grader, whose metric nobody can know: as task.yaml says
// (`grader.predicts`), else as target and sample submission look. It is told to agents and decides nothing here.

import type { PredictionKind } from '../core/metrics/metric.ts';
import type { TaskColumns } from './columns.ts';
import type { TaskFolder } from './folder.ts';
import { numberOf } from './labels.ts';
import { columnOf } from './table.ts';

/** Whole numbers of at most so many values are taken for labels. */
const fewLabels = 20;

/** The kind of the task's predictions. */
export function graderPredicts(folder: TaskFolder, columns: TaskColumns): PredictionKind {
  return folder.settings.grader?.predicts ?? guessed(folder, columns);
}

function guessed({ train, sample }: TaskFolder, { targets, officialColumns }: TaskColumns): PredictionKind {
  const [target = '', ...more] = targets;
  const told = officialColumns.flatMap((name) => columnOf(sample, name));
  if (more.length > 0) {
    const all = targets.flatMap((name) => columnOf(train, name));
    return all.every(isNumber) && told.every(isNumber) ? 'numbers' : 'text';
  }
  const answers = columnOf(train, target);
  const labels = new Set(answers);
  if (officialColumns.length > 1) {
    const named = officialColumns.length === labels.size && officialColumns.every((name) => labels.has(name));
    return named ? 'probabilities' : 'text';
  }
  const isLabels = answers.every(isNumber)
    ? labels.size <= fewLabels && answers.every((answer) => Number.isInteger(numberOf(answer)))
    : labels.size <= answers.length / 2;
  if (isLabels && told.every((answer) => labels.has(answer))) return 'label';
  if (isLabels && labels.size === 2 && told.every((answer) => numberOf(answer) >= 0 && numberOf(answer) <= 1))
    return 'probability';
  return answers.every(isNumber) ? 'number' : 'text';
}

function isNumber(field: string): boolean {
  return !Number.isNaN(numberOf(field));
}
