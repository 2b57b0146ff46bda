// A job's work in a worker process: it takes its time and is written down.

import type { Done } from './jobs.ts';

/** Milliseconds of the clock that all processes of the machine share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Takes that long; nothing where it is 0. */
export async function workFor(durationMs: number): Promise<void> {
  if (durationMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.round(durationMs)));
}

/** Gives places to jobs of a process that has no slots of its own: the one that has been free for longest. */
export class Places {
  readonly #free: string[];
  readonly #done: Done[] = [];

  constructor(name: string, count: number) {
    this.#free = Array.from({ length: count }, (_, index) => `${name}/${index}`);
  }

  async run(job: number, durationMs: number): Promise<void> {
    const slot = this.#free.shift();
    if (slot === undefined) throw new Error('more jobs at once than places');
    const startMs = nowMs();
    await workFor(durationMs);
    this.#done.push({ job, slot, startMs, endMs: nowMs() });
    this.#free.push(slot);
  }

  take(): Done[] {
    return this.#done.splice(0);
  }
}

/** The parent asks for what was done with the word `collect`, and gets it. */
export function answerCollect(take: () => Done[]): void {
  process.on('message', (word) => {
    if (word === 'collect') process.send?.(take());
  });
  // A worker does not outlive its benchmark.
  process.on('disconnect', () => process.exit(0));
}
