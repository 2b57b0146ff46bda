// The container engine of a simulated host: entries of a table that outlive the agent, and, where it is set up so, the engine too.

import { type SandboxIdentity, SandboxInterrupted } from '../../gpu-agent/sandbox/sandbox.ts';

/** A container on a simulated host. */
export interface Container extends SandboxIdentity {
  running: boolean;
  /** Whether something computes in it. */
  computes: boolean;
  readonly createdMs: number;
}

/** An agent tries every 5 s at the least, and an engine may be away for its first tries. */
const latestTryMs = 6000;

export class SimEngine {
  readonly containers = new Map<string, Container>();
  private isAway: boolean = false;
  /** How often it went: who was in the middle of something then has lost the way to it. */
  private readonly lost = new Set<() => void>();
  private backSinceMs = Number.NEGATIVE_INFINITY;

  /** Goes; containers that do not outlive it end. */
  go(takesContainers: boolean): void {
    this.isAway = true;
    if (takesContainers) this.endAll();
    for (const lose of [...this.lost]) lose();
  }

  endAll(): void {
    for (const container of this.containers.values()) container.running = false;
  }

  comeBack(nowMs: number): void {
    if (this.isAway) this.backSinceMs = nowMs;
    this.isAway = false;
  }

  /** Whether an agent may not have had its way yet: it notices with the next of its tries that the engine is back. */
  isLate(nowMs: number): boolean {
    return this.isAway || nowMs - this.backSinceMs < latestTryMs;
  }

  get answers(): boolean {
    return !this.isAway;
  }

  check(): Promise<{ readonly engineVersion: string; readonly imageDigest: string }> {
    return this.asked(() => ({ engineVersion: 'sim', imageDigest: 'sim' }));
  }

  list(): Promise<Container[]> {
    return this.asked(() => [...this.containers.values()].map((container) => ({ ...container })));
  }

  remove(id: string): Promise<void> {
    return this.asked(() => void this.containers.delete(id));
  }

  silence(id: string): Promise<void> {
    return this.asked(() => {
      const container = this.containers.get(id);
      if (container !== undefined) container.computes = false;
    });
  }

  create(container: Container): Promise<void> {
    return this.asked(() => void this.containers.set(container.containerId, container));
  }

  /** Does something in a container that takes a while; rejects as soon as the way to it is lost. What is under way there goes on. */
  async during(work: Promise<void>): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const lose = (): void => reject(new SandboxInterrupted('the engine was started again'));
    if (this.isAway) lose();
    this.lost.add(lose);
    try {
      await Promise.race([work, promise]);
    } finally {
      this.lost.delete(lose);
    }
  }

  private asked<Value>(answer: () => Value): Promise<Value> {
    if (this.isAway) return Promise.reject(new SandboxInterrupted('the engine does not answer'));
    return Promise.resolve(answer());
  }
}
