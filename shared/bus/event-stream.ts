// The stream of result events and its durable consumer on the nats-server.

import {
  AckPolicy,
  type NatsConnection,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from 'nats';
import { eventStream } from './messages.ts';

export const consumerName = 'coordinator';

/** A handler journals and answers within milliseconds. What was in flight when a coordinator was killed comes again after this. */
const handlerTimeoutMs = 5_000;

/** A server that has just begun may lose a question; the caller asks again. */
const answerMs = 2_000;

const streamConfig: Partial<StreamConfig> & { name: string } = {
  name: eventStream,
  subjects: ['doubleblind.v1.run.>'],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  max_age: nanos(7 * 86_400_000),
  max_bytes: 2 ** 30,
  duplicate_window: nanos(120_000),
};

/** Makes the stream and its consumer where they are missing, and brings an older stream's limits up to date. */
export async function prepareStream(connection: NatsConnection, replicas: number): Promise<void> {
  const manager = await connection.jetstreamManager({ timeout: answerMs });
  const config = { ...streamConfig, num_replicas: replicas };
  try {
    await manager.streams.add(config);
  } catch (error) {
    const inUse = error instanceof NatsError && error.api_error?.err_code === 10_058;
    if (!inUse) throw error;
    await manager.streams.update(eventStream, config);
  }
  await manager.consumers.add(eventStream, {
    durable_name: consumerName,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(handlerTimeoutMs),
    max_ack_pending: 1000,
  });
}
