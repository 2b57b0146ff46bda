// A worker process of BullMQ: as many jobs at once as it has slots.

import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { WorkerOptions } from './bullmq.ts';
import { answerCollect, Places } from './work.ts';

const { directory, port, name, slots } = JSON.parse(process.argv[2] ?? '') as WorkerOptions;
const { Worker } = createRequire(join(directory, 'package.json'))('bullmq') as {
  Worker: new (
    queue: string,
    work: (job: { data: { job: number; durationMs: number } }) => Promise<void>,
    options: object,
  ) => { waitUntilReady(): Promise<unknown> };
};
const places = new Places(name, slots);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
const worker = new Worker('jobs', ({ data }) => places.run(data.job, data.durationMs), {
  connection,
  concurrency: slots,
});
await worker.waitUntilReady();
answerCollect(() => places.take());
process.send?.('ready');
