// Maintenance of a host while work is under way, with the commands that an operator types.

import { spawn } from 'node:child_process';
import type { Host } from '../../cli/core/model.ts';
import { doubleblind, type Outcome } from '../support/cluster.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Fleet } from './fleet.ts';
import { agentOf, becomes, busy, hostNamed, patience, type Row, spread } from './row.ts';

const reason = 'a new driver';
/** Exit code of the command line where nobody answered. */
const unavailable = 69;

export const drainedHosts: readonly Row[] = [
  {
    fault: 'node drain: running work ends, Ctrl-C ends the waiting alone, uncordon',
    times: 3,
    inEveryTest: true,
    async run(fleet, work, times) {
      for (let count = 0; count < times; count += 1) {
        const { name } = agentOf(fleet, count);
        const release = fleet.model.hold();
        try {
          await held(fleet);
          await interruptedDrain(fleet, name);
          // Nobody waits any more, and it goes on; what runs there may still end.
          await becomes(fleet, name, 'draining');
        } finally {
          release();
        }
        await becomes(fleet, name, 'drained');
        checkDrained(await asJson(await command(fleet, 'drain', name, '--reason', 'asked again')));
        await work.more(2);
        if (await isAtWork(fleet, name)) throw new Error(`${name} got work while it was drained`);
        await asJson(await command(fleet, 'uncordon', name));
        await becomes(fleet, name, 'ready');
        await busy(fleet, name);
      }
      return `${times} drains; reason, since and by whom as given; nothing new came, nothing was lost`;
    },
  },
  {
    fault: 'node drain --deadline: what still runs goes elsewhere',
    times: 3,
    inEveryTest: false,
    async run(fleet, work, times) {
      const took: number[] = [];
      for (let count = 0; count < times; count += 1) {
        const { name } = agentOf(fleet, count + 1);
        const release = fleet.model.hold();
        try {
          await held(fleet);
          const sinceMs = performance.now();
          // With every turn of the model held back nothing ends by itself.
          checkDrained(await asJson(await command(fleet, 'drain', name, '--deadline', '1s', '--reason', reason)));
          took.push(performance.now() - sinceMs - 1000);
        } finally {
          release();
        }
        await work.more(1);
        await asJson(await command(fleet, 'uncordon', name));
      }
      return `drained ${spread(took)} after the deadline`;
    },
  },
];

/** A command as an operator would type it, again where the coordinator did not answer in time. */
export async function command(fleet: Fleet, verb: string, host: string, ...words: string[]): Promise<Outcome> {
  return await waitFor(
    `node ${verb} to be answered`,
    async () => {
      const outcome = await doubleblind('node', verb, host, ...words, ...fleet.flags, '-o', 'json');
      return outcome.code === unavailable ? undefined : outcome;
    },
    patience,
  );
}

/** Waits until every lane has an attempt that waits for the model, so that nothing ends by itself. */
async function held(fleet: Fleet): Promise<void> {
  const { hosts, slots } = fleet.options;
  await waitFor('every lane to be held', () => fleet.model.asked === hosts * slots, patience);
}

export async function asJson({ code, stdout, stderr }: Outcome): Promise<Host> {
  if (code !== 0) throw new Error(`the command ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Host;
}

function checkDrained(host: Host): void {
  const isRight = host.state === 'drained' && host.reason === reason && host.by !== '' && host.since !== null;
  if (!isRight) throw new Error(`not drained as asked: ${JSON.stringify({ ...host, slots: undefined })}`);
}

/** Waits until the command tells of what it waits for, and presses Ctrl-C. */
async function interruptedDrain(fleet: Fleet, name: string): Promise<void> {
  const words = ['node', 'drain', name, '--deadline', '2h', '--reason', reason, ...fleet.flags];
  const child = spawn('sh', ['deploy/bin/doubleblind', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await waitFor('the progress of the drain', () => /attempts? runs?/.test(said), patience);
  // A terminal sends it to the whole foreground group.
  process.kill(-(child.pid ?? 0), 'SIGINT');
  const code = await ended;
  if (code !== 130 || !said.includes('The drain goes on.')) throw new Error(`Ctrl-C gave ${code}: ${said}`);
}

async function isAtWork(fleet: Fleet, name: string): Promise<boolean> {
  return (await hostNamed(fleet, name)).slots.some(({ attempts }) => attempts.length > 0);
}
