// NATS as the daemons meet it: heartbeats that may be lost, a stream that delivers at least once and in any order within
// a window, a server that can be away and lose its whole store.

import type { Heartbeat, ResultEvent } from '../../shared/bus/messages.ts';
import { nextFloat, nextInt, type Rng } from '../../shared/core/rng.ts';
import type { Network, Node } from './network.ts';
import type { SimProcess } from './process.ts';
import type { Timeline } from './timeline.ts';

/** Messages that may overtake each other. */
const window = 64;
const publishMs = 5000;
const redeliverMs = 5000;
const nakMs = 1000;

interface Consumer {
  readonly process: SimProcess;
  hear(heartbeat: Heartbeat): void;
  take(result: ResultEvent): Promise<void>;
}

export class SimBus {
  up: boolean = true;
  duplicateProbability = 0;
  private consumer: Consumer | undefined;
  private waiting: ResultEvent[] = [];
  private readonly timeline: Timeline;
  private readonly network: Network;
  private readonly rng: Rng;

  constructor(timeline: Timeline, network: Network, rng: Rng) {
    this.timeline = timeline;
    this.network = network;
    this.rng = rng;
  }

  attach(consumer: Consumer): void {
    this.consumer = consumer;
    this.pump();
  }

  comeUp(): void {
    this.up = true;
    this.pump();
  }

  wipe(): void {
    this.waiting = [];
  }

  heartbeat(from: Node, heartbeat: Heartbeat): void {
    const there = this.network.travelMs(from, 'nats');
    const further = this.network.travelMs('nats', 'coordinator');
    if (!this.up || there === undefined || further === undefined) return;
    this.timeline.after(there + further, () => {
      const { consumer } = this;
      if (this.up) consumer?.process.receive(() => consumer.hear(heartbeat));
    });
  }

  /** Resolves when the stream has it; an answer that is lost rejects although it has. */
  publish(from: { readonly node: Node; readonly process: SimProcess }, event: ResultEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = from.process.clock.after(publishMs, () => reject(new Error('the bus does not answer')));
      const there = this.network.travelMs(from.node, 'nats');
      if (there === undefined) return;
      this.timeline.after(there, () => {
        if (!this.up) return;
        this.store(event);
        const back = this.network.travelMs('nats', from.node);
        if (back === undefined) return;
        this.timeline.after(back, () =>
          from.process.receive(() => {
            timer.cancel();
            resolve();
          }),
        );
      });
    });
  }

  private store(event: ResultEvent): void {
    this.waiting.push(event);
    if (nextFloat(this.rng) < this.duplicateProbability) this.waiting.push(event);
    this.timeline.after(nextFloat(this.rng) * 20, () => this.pump());
  }

  /** Hands one message over, any of those in the window, and goes on until none is left. */
  private pump(): void {
    const { consumer } = this;
    if (!this.up || consumer === undefined || !consumer.process.alive || this.waiting.length === 0) return;
    const [event] = this.waiting.splice(nextInt(this.rng, Math.min(window, this.waiting.length)), 1);
    if (event === undefined) return;
    const ms = this.network.travelMs('nats', 'coordinator');
    const again = this.timeline.after(redeliverMs, () => this.store(event));
    if (ms !== undefined) {
      this.timeline.after(ms, () => consumer.process.receive(() => this.handOver(consumer, event, again)));
    }
    this.timeline.after(1, () => this.pump());
  }

  private handOver(consumer: Consumer, event: ResultEvent, again: { cancel(): void }): void {
    consumer.take(event).then(
      // The acknowledgement may be lost as well; then it comes again.
      () => consumer.process.alive && this.network.travelMs('coordinator', 'nats') !== undefined && again.cancel(),
      () => {
        if (!consumer.process.alive) return;
        again.cancel();
        this.timeline.after(nakMs, () => this.store(event));
      },
    );
  }
}
