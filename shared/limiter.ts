// At most so many at once; the others wait in line.

export interface Limiter {
  /** Runs `work` when there is room. */
  run<Value>(work: () => Promise<Value>): Promise<Value>;
}

export function newLimiter(most: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(work) {
      if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        return await work();
      } finally {
        // The place is handed on, not given back, so that nobody slips in between.
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
