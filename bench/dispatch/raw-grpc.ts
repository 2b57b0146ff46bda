// Raw gRPC: a loop that sends the next job to a worker when it hears that one has ended. No journal, no leases, no identity.

import { type ClientDuplexStream, credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { Contestant } from './contestant.ts';
import { type JobOrder, workService } from './grpc-work.ts';
import { durationsMs, slotsPerHost } from './jobs.ts';
import { startWorker, type Worker } from './workers.ts';

type Stream = ClientDuplexStream<JobOrder, number>;

export async function startRawGrpc(slots: number): Promise<Contestant> {
  const stack = new AsyncDisposableStack();
  const Client = makeGenericClientConstructor(workService, 'Worker');
  const workers: Worker[] = [];
  const streams: Stream[] = [];
  let ended: (stream: Stream) => void = () => undefined;
  for (let host = 0; host < Math.ceil(slots / slotsPerHost); host += 1) {
    const options = { name: `worker-${host}`, slots: Math.min(slots, slotsPerHost) };
    const worker = stack.adopt(await startWorker('main-grpc-worker.ts', options), (it) => it.stop());
    const client = stack.adopt(new Client(worker.ready, credentials.createInsecure()), (it) => it.close());
    const open = client['work'] as unknown as () => Stream;
    const stream = open.call(client);
    stream.on('data', () => ended(stream));
    stream.on('error', () => undefined);
    workers.push(worker);
    streams.push(stream);
  }
  return {
    processes: workers.map(({ pid }) => pid),
    async run(load) {
      const durations = durationsMs(load);
      const { promise, resolve } = Promise.withResolvers<void>();
      let [given, done] = [0, 0];
      const give = (stream: Stream): void => {
        if (given >= load.jobs) return;
        stream.write({ job: given, durationMs: durations[given] ?? 0 });
        given += 1;
      };
      ended = (stream) => {
        done += 1;
        give(stream);
        if (done === load.jobs) resolve();
      };
      for (let slot = 0; slot < load.slots; slot += 1) give(streams[slot % streams.length] as Stream);
      await promise;
      return (await Promise.all(workers.map((worker) => worker.collect()))).flat();
    },
    stop: () => stack.disposeAsync(),
  };
}
