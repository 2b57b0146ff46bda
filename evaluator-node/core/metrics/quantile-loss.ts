// Pinball loss of predictions of one quantile, as scikit-learn's mean_pinball_loss.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric } from './metric.ts';

/** The metric `quantile-loss-<quantile>`, for a quantile between 0 and 1. */
export function quantileLoss(quantile: number): Metric {
  return {
    name: `quantile-loss-${quantile}`,
    title: `Pinball loss of the ${quantile} quantile`,
    lowerIsBetter: true,
    kind: 'number',
    perfect: 0,
    ...meanOfLosses({
      loss: (rows, row) => {
        const error = (rows.truth[row] ?? 0) - (rows.prediction[row] ?? 0);
        return error >= 0 ? quantile * error : (quantile - 1) * error;
      },
    }),
  };
}
