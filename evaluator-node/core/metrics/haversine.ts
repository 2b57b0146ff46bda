// Mean great-circle distance in metres on a sphere of 6,371 km, as scikit-learn's haversine_distances. Columns: latitude,
// then longitude, in degrees.

import { meanOfLosses } from './mean-of-losses.ts';
import type { Metric, Rows } from './metric.ts';

const earthRadius = 6_371_000;
const radians = Math.PI / 180;

function distance(rows: Rows, row: number): number {
  const [trueLatitude = 0, trueLongitude = 0] = rows.truth.subarray(2 * row, 2 * row + 2);
  const [latitude = 0, longitude = 0] = rows.prediction.subarray(2 * row, 2 * row + 2);
  const between = (left: number, right: number): number => Math.sin(((left - right) * radians) / 2) ** 2;
  const parallel = Math.cos(trueLatitude * radians) * Math.cos(latitude * radians);
  const chord = between(latitude, trueLatitude) + parallel * between(longitude, trueLongitude);
  return 2 * earthRadius * Math.asin(Math.sqrt(Math.min(1, chord)));
}

export const haversine: Metric = {
  name: 'haversine',
  title: 'Mean great-circle distance in metres',
  lowerIsBetter: true,
  kind: 'numbers',
  perfect: 0,
  columns: { truth: 2, prediction: 2 },
  columnDomains: [
    { low: -90, high: 90 },
    { low: -180, high: 180 },
  ],
  ...meanOfLosses({ loss: distance }),
};
