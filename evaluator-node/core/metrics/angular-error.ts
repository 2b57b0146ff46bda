// Mean angle between predicted and true directions in radians. Columns: azimuth from 0 to 2π, then zenith from 0 to π.
// By the arctangent of sine and cosine: the arccosine alone loses half the digits near 0.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric, Rows } from './metric.ts';

function angle(rows: Rows, row: number): number {
  const [trueAzimuth = 0, trueZenith = 0] = rows.truth.subarray(2 * row, 2 * row + 2);
  const [azimuth = 0, zenith = 0] = rows.prediction.subarray(2 * row, 2 * row + 2);
  const turn = azimuth - trueAzimuth;
  const [sine, cosine] = [Math.sin(zenith), Math.cos(zenith)];
  const [trueSine, trueCosine] = [Math.sin(trueZenith), Math.cos(trueZenith)];
  const across = Math.hypot(sine * Math.sin(turn), trueSine * cosine - trueCosine * sine * Math.cos(turn));
  return Math.atan2(across, trueCosine * cosine + trueSine * sine * Math.cos(turn));
}

export const angularError: Metric = {
  name: 'angular-error',
  title: 'Mean angular error in radians',
  lowerIsBetter: true,
  kind: 'numbers',
  perfect: 0,
  columns: { truth: 2, prediction: 2 },
  columnDomains: [
    { low: 0, high: 2 * Math.PI },
    { low: 0, high: Math.PI },
  ],
  ...meanOfLosses({ loss: angle }),
};
