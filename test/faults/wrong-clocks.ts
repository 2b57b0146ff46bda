// Wall clocks that are set while work is under way: those of all daemons at once, and of one alone.

import type { Row } from './row.ts';

const dayMs = 86_400_000;

export const wrongClocks: readonly Row[] = [
  {
    fault: 'clock steps of a day forth and back, of all and of one daemon',
    times: 4,
    inEveryTest: false,
    async run(fleet, work, times) {
      const lostSoFar = (): number => work.seen.filter(({ kind }) => kind === 'attemptLost').length;
      const lost = lostSoFar();
      const everybody = [fleet.coordinator, fleet.gateway, fleet.evaluator, ...fleet.agents];
      let steps = 0;
      const set = async (who: readonly { setClock(offsetMs: number): void }[], offsetMs: number): Promise<void> => {
        for (const daemon of who) daemon.setClock(offsetMs);
        steps += 1;
        await work.more(2);
        const states = [...(await fleet.states()).values()];
        if (!states.every((state) => state === 'ready')) throw new Error(`after a step of the clock: ${states.join()}`);
      };
      for (let count = 0; count < times; count += 1) {
        const one = everybody[count % everybody.length];
        for (const offsetMs of [dayMs, -dayMs, 0]) await set(everybody, offsetMs);
        for (const offsetMs of [-dayMs, dayMs, 0]) await set(one === undefined ? [] : [one], offsetMs);
      }
      const ended = lostSoFar() - lost;
      if (ended > 0) throw new Error(`${ended} leases were lost`);
      return `${steps} steps, 0 leases lost, every host ready throughout`;
    },
  },
];
