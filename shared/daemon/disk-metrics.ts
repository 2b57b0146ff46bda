// What a daemon tells Prometheus of the disk that its state lies on, under one name for all daemons, so that one alert is for all of them.

import { statfs } from 'node:fs/promises';
import type { Metrics } from '../metrics.ts';

/** Has `doubleblind_state_disk_…_bytes` of the page say what is so when it is read. */
export function observeDisk(metrics: Metrics, stateDirectory: string): void {
  metrics.common.gaugeOf(
    'state_disk_free_bytes',
    'Bytes that the daemon can still write on the disk of its state directory.',
    async () => {
      const { bavail, bsize } = await statfs(stateDirectory);
      return bavail * bsize;
    },
  );
}
