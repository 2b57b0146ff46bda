// What columns a metric asks of a submission, in words.

import type { Metric } from './metric.ts';

/** Such as "a probability per class". */
export function columnsText(metric: Metric): string {
  switch (metric.kind) {
    case 'probabilities':
      return 'a probability per class';
    case 'probability':
      return 'the probability of the positive';
    case 'number':
      return 'a number';
    case 'label':
      return metric.binary === true ? 'one of two labels' : 'a label';
    case 'numbers':
      return numbersText(metric);
    case 'text':
      return 'a text';
  }
}

function numbersText({ columns, sharesOfOne }: Metric): string {
  if (sharesOfOne === true) return 'a share per column';
  if (columns === undefined) return 'a number per column';
  const same = columns.truth === columns.prediction;
  return same ? `${columns.prediction} numbers` : `${columns.prediction} numbers for ${columns.truth} answer`;
}
