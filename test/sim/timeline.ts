// Virtual time: whatever is due next happens next, and nothing ever waits.

interface Entry {
  readonly atMs: number;
  readonly order: number;
  work: (() => void) | undefined;
}

/** A queue of work by time; of equal times the earlier planned comes first. */
export class Timeline {
  nowMs = 0;
  /** Work done so far. */
  steps = 0;
  private planned = 0;
  private readonly heap: Entry[] = [];

  after(ms: number, work: () => void): { cancel(): void } {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, ms), order: this.planned, work };
    this.planned += 1;
    this.heap.push(entry);
    this.rise(this.heap.length - 1);
    return {
      cancel() {
        entry.work = undefined;
      },
    };
  }

  /** Does the next piece of work; false where there is none. */
  advance(): boolean {
    for (let next = this.take(); next !== undefined; next = this.take()) {
      if (next.work === undefined) continue;
      this.nowMs = next.atMs;
      this.steps += 1;
      next.work();
      return true;
    }
    return false;
  }

  private take(): Entry | undefined {
    const [first] = this.heap;
    const last = this.heap.pop();
    if (first !== last && last !== undefined) {
      this.heap[0] = last;
      this.sink(0);
    }
    return first;
  }

  private rise(from: number): void {
    for (let index = from; index > 0; ) {
      const parent = (index - 1) >>> 1;
      if (!this.isBefore(index, parent)) return;
      this.swap(index, parent);
      index = parent;
    }
  }

  private sink(from: number): void {
    for (let index = from; ; ) {
      let least = index;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.heap.length && this.isBefore(child, least)) least = child;
      }
      if (least === index) return;
      this.swap(index, least);
      index = least;
    }
  }

  private isBefore(left: number, right: number): boolean {
    const [one, other] = [this.heap[left] as Entry, this.heap[right] as Entry];
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
  }

  private swap(left: number, right: number): void {
    const entry = this.heap[left] as Entry;
    this.heap[left] = this.heap[right] as Entry;
    this.heap[right] = entry;
  }
}
