// The mean of a metric over the columns of a submission: what "column-wise" means on Kaggle.

import type { Metric, Rows } from './metric.ts';

/** Column `index` of the rows, as rows of one column. */
function columnRows(rows: Rows, index: number): Rows {
  const truthWidth = rows.truthWidth ?? 1;
  const truth = new Float64Array(rows.count);
  const prediction = new Float64Array(rows.count);
  for (let row = 0; row < rows.count; row += 1) {
    truth[row] = rows.truth[row * truthWidth + index] ?? Number.NaN;
    prediction[row] = rows.prediction[row * rows.width + index] ?? Number.NaN;
  }
  return { count: rows.count, truth, prediction, width: 1, classCount: rows.classCount };
}

/** The `prepare` of the column mean, which has no value where a column has none, and the largest leverage of a column. */
export function columnMean(metric: Metric): Pick<Metric, 'prepare' | 'leverage'> {
  const { leverage } = metric;
  return {
    ...(leverage === undefined
      ? {}
      : {
          leverage: (prediction, width) =>
            Math.max(
              ...Array.from({ length: width }, (_, index) =>
                leverage(
                  prediction.filter((_value, at) => at % width === index),
                  1,
                ),
              ),
            ),
        }),
    prepare(rows) {
      const columns = Array.from({ length: rows.width }, (_, index) => metric.prepare(columnRows(rows, index)));
      return (weights) => columns.reduce((sum, prepared) => sum + prepared(weights), 0) / columns.length;
    },
  };
}
