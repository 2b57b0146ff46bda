// The network between simulated processes: calls that take time, get lost on either way, arrive twice.

import { nextFloat, type Rng } from '../../shared/core/rng.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { SimProcess } from './process.ts';
import type { Timeline } from './timeline.ts';

/** A machine on the network. */
export type Node = 'coordinator' | 'evaluator' | 'gateway' | 'nats' | `h${number}`;

interface Peer {
  readonly node: Node;
  /** The process that listens there; undefined while none does. */
  readonly process: () => SimProcess | undefined;
  /** False where the machine itself is off: nobody even refuses. */
  readonly powered?: () => boolean;
}

export interface Call<Answer> {
  readonly from: { readonly node: Node; readonly process: SimProcess };
  readonly to: Peer;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly work: () => Promise<Answer>;
}

/** As the real client has it: a ping after 10 s, 5 s for its answer. */
const keepaliveMs = 15_000;

export class Network {
  /** Ways that lead nowhere, as `from>to`. */
  readonly cuts = new Set<string>();
  lossProbability = 0;
  duplicateProbability = 0;
  slowestMs = 5;
  private readonly timeline: Timeline;
  private readonly rng: Rng;

  constructor(timeline: Timeline, rng: Rng) {
    this.timeline = timeline;
    this.rng = rng;
  }

  cut(from: Node, to: Node): void {
    this.cuts.add(`${from}>${to}`);
  }

  mend(): void {
    this.cuts.clear();
    this.lossProbability = 0;
    this.duplicateProbability = 0;
    this.slowestMs = 5;
  }

  /** Milliseconds until a packet is there; undefined where it never is. */
  travelMs(from: Node, to: Node): number | undefined {
    if (this.cuts.has(`${from}>${to}`) || nextFloat(this.rng) < this.lossProbability) return undefined;
    return 0.2 + nextFloat(this.rng) * this.slowestMs;
  }

  /**
   * A call of one answer. A stopped process reads later what it got, as from a socket's buffer; a connection to a process that was
   * killed breaks at once, and one that brings nothing any more breaks by its keepalive.
   */
  call<Answer>(call: Call<Answer>): Promise<Answer> {
    const { from, to, deadlineMs, signal } = call;
    return new Promise((resolve, reject) => {
      let open = true;
      const settle = (act: () => void): void => {
        if (!open) return;
        open = false;
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        act();
      };
      const fail = (code: 'deadlineExceeded' | 'cancelled' | 'unavailable'): void =>
        settle(() => reject(new RpcFault(code, `${to.node}: ${code}`)));
      const onAbort = (): void => fail('cancelled');
      const timer = from.process.clock.after(deadlineMs, () => fail('deadlineExceeded'));
      if (signal?.aborted === true) return fail('cancelled');
      signal?.addEventListener('abort', onAbort, { once: true });
      const send = (): void => this.deliver(call, () => open, settle, { resolve, reject });
      send();
      if (nextFloat(this.rng) < this.duplicateProbability) send();
    });
  }

  private deliver<Answer>(
    { from, to, work }: Call<Answer>,
    isOpen: () => boolean,
    settle: (act: () => void) => void,
    { resolve, reject }: { resolve: (answer: Answer) => void; reject: (error: unknown) => void },
  ): void {
    const broken = (): void => settle(() => reject(new RpcFault('unavailable', `the connection to ${to.node} broke`)));
    const breakLater = (): void => {
      from.process.clock.after(keepaliveMs, broken);
    };
    const back = (act: () => void): void => {
      const ms = this.travelMs(to.node, from.node);
      if (ms === undefined) breakLater();
      else this.timeline.after(ms, () => from.process.receive(() => settle(act)));
    };
    const refuse = (): void => back(() => reject(new RpcFault('unavailable', `nobody listens at ${to.node}`)));
    const arrive = (): void => {
      const target = to.process();
      if (target === undefined) {
        refuse();
        return;
      }
      const gone = (): void => (to.powered?.() === false ? breakLater() : refuse());
      target.onKill.add(gone);
      const answered = (act: () => void): void => {
        target.onKill.delete(gone);
        if (target.alive) back(act);
      };
      target.receive(() => {
        // A call that its caller gave up was reset: of a stopped process the reset lies right behind it (shared/rpc/handlers.ts).
        if (!isOpen()) return;
        work().then(
          (answer) => answered(() => resolve(answer)),
          (error: unknown) => answered(() => reject(asFault(error))),
        );
      });
    };
    const ms = this.travelMs(from.node, to.node);
    if (ms === undefined) breakLater();
    else this.timeline.after(ms, () => (to.powered?.() === false ? breakLater() : arrive()));
  }
}

function asFault(error: unknown): RpcFault {
  if (error instanceof RpcFault) return error;
  return new RpcFault('internal', error instanceof Error ? error.message : String(error), { cause: error });
}
