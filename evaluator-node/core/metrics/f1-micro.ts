// F1 over all decisions, as scikit-learn's f1_score with average='micro'; with one label a row it equals accuracy.

import { accuracy } from './accuracy.ts';
import type { Metric } from './metric.ts';

export const f1Micro: Metric = { ...accuracy, name: 'f1-micro', title: 'Micro F1' };
