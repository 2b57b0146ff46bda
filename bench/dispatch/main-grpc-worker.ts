// A worker process of the raw gRPC dispatcher: nothing is written down anywhere.

import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { type JobOrder, workService } from './grpc-work.ts';
import { answerCollect, Places } from './work.ts';

const { name, slots } = JSON.parse(process.argv[2] ?? '') as { readonly name: string; readonly slots: number };
const places = new Places(name, slots);
const server = new Server();
server.addService(workService, {
  work: (stream: ServerDuplexStream<JobOrder, number>) => {
    stream.on('data', ({ job, durationMs }: JobOrder) => {
      void places.run(job, durationMs).then(() => stream.write(job));
    });
    stream.on('end', () => stream.end());
  },
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  answerCollect(() => places.take());
  process.send?.(`127.0.0.1:${port}`);
});
