// kill -9 of each daemon while work is under way; a supervisor starts it again at once.

import { waitFor } from '../support/wait-for.ts';
import { agentOf, busy, patience, type Row, serves, spread } from './row.ts';
import type { SeenOn } from './watched-run.ts';

export const killedDaemons: readonly Row[] = [
  {
    fault: 'coordinator kill -9',
    times: 20,
    inEveryTest: true,
    async run(fleet, work, times) {
      const resumed: number[] = [];
      for (let count = 0; count < times; count += 1) {
        await work.more(1);
        await fleet.coordinator.kill();
        const sinceMs = performance.now();
        fleet.coordinator.start();
        resumed.push(await serves(fleet, sinceMs));
      }
      await work.more(2);
      return `serves again after ${spread(resumed)}`;
    },
  },
  {
    fault: 'gpu-agent kill -9 with attempts running',
    times: 10,
    inEveryTest: true,
    async run(fleet, work, times) {
      const rejoined: number[] = [];
      for (let count = 0; count < times; count += 1) {
        const agent = agentOf(fleet, count);
        await busy(fleet, agent.name);
        await agent.kill();
        const sinceMs = performance.now();
        agent.start();
        const before = work.seen.length;
        const begins = ({ kind, host }: SeenOn): boolean => kind === 'attemptStarted' && host === agent.name;
        await waitFor(`a start on ${agent.name}`, () => work.seen.slice(before).some(begins), patience);
        rejoined.push(performance.now() - sinceMs);
      }
      await work.more(2);
      return `begins a new execution after ${spread(rejoined)}`;
    },
  },
  {
    fault: 'evaluator kill -9 at any moment',
    times: 50,
    inEveryTest: true,
    async run(fleet, work, times) {
      for (let count = 0; count < times; count += 1) {
        // A moment after a result came in, which is when it scores.
        const ended = (): number => work.seen.filter(({ kind }) => kind === 'attemptEnded').length;
        const before = ended();
        await waitFor('a result', () => ended() > before, { ...patience, everyMs: 5 });
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
        await fleet.evaluator.kill();
        fleet.evaluator.start();
        await work.more(1);
      }
      return `${times} kills; one score a submission in the ledger (see the history)`;
    },
  },
  {
    fault: 'llm-gateway kill -9',
    times: 5,
    inEveryTest: true,
    async run(fleet, work, times) {
      for (let count = 0; count < times; count += 1) {
        await fleet.gateway.kill();
        fleet.gateway.start();
        await work.more(1);
      }
      return 'attempts waited and went on';
    },
  },
  {
    fault: 'every daemon kill -9 at once',
    times: 3,
    inEveryTest: false,
    async run(fleet, work, times) {
      const { coordinator, nats, gateway, evaluator, agents } = fleet;
      const all = [nats, evaluator, gateway, coordinator, ...agents];
      const resumed: number[] = [];
      for (let count = 0; count < times; count += 1) {
        await work.more(1);
        await Promise.all(all.map((daemon) => daemon.kill()));
        const sinceMs = performance.now();
        // The order in which they start is nobody's promise.
        for (const daemon of all.toSorted(() => Math.random() - 0.5)) daemon.start();
        await work.more(1);
        resumed.push(performance.now() - sinceMs);
      }
      return `the next candidate was scored after ${spread(resumed)}`;
    },
  },
];
