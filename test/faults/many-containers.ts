// Many real containers on one host: the agent is killed, and the container engine. Needs Docker; nothing of the fleet. The engine that
// is killed is one of our own, with a data directory and a socket of its own: the machine's is left alone.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DockerForTests, dockerForTests, removeAll } from '../../gpu-agent/sandbox/sandbox-fixture.ts';
import { present } from '../../shared/core/assert.ts';
import { waitFor } from '../support/wait-for.ts';
import { type PrivateEngine, startPrivateEngine } from './private-engine.ts';
import type { HostRow } from './row.ts';

export type AgentWord =
  | { readonly kind: 'start' | 'renew'; readonly count: number }
  | { readonly kind: 'go' | 'count' };

export interface AgentCounts {
  /** Attempts that have asked the model for the first time, in this process. */
  readonly thinking: number;
  /** Attempts whose command came back from their container. */
  readonly worked: number;
  readonly ended: number;
  readonly sinceStartMs: number;
}

const patience = { timeoutMs: 300_000, everyMs: 20 } as const;
const containers = 50;
const fewContainers = 12;
/** Longer than an agent waits for a heartbeat or a tool that has nothing to say. */
const engineAwayMs = 5000;
/** Attempts whose leases are not renewed: what they left on the host is nobody's. */
const orphans = 5;

export const manyContainers: readonly HostRow[] = [
  {
    fault: 'gpu-agent kill -9 with 50 containers running',
    times: 1,
    async run(times) {
      const docker = present(await dockerForTests(), 'a container engine');
      const [adopted, swept]: [number[], number[]] = [[], []];
      for (let count = 0; count < times; count += 1) {
        const directory = mkdtempSync(join(tmpdir(), 'doubleblind-adoption-'));
        const total = containers + orphans;
        let agent = startAgent(directory, docker, total);
        try {
          await agent.tell({ kind: 'start', count: total });
          await waitFor(
            'every attempt to think',
            async () => (await agent.tell({ kind: 'count' })).thinking === total,
            patience,
          );
          const before = await containersOf(docker);
          await agent.kill();
          agent = startAgent(directory, docker, total);
          await agent.tell({ kind: 'renew', count: containers });
          const counts = await waitFor(
            'every container to be taken up',
            async () => {
              const now = await agent.tell({ kind: 'count' });
              return now.thinking === containers && now;
            },
            patience,
          );
          adopted.push(counts.sinceStartMs);
          await waitFor('the orphans to go', async () => (await docker.engine.list()).length === containers, patience);
          swept.push((await agent.tell({ kind: 'count' })).sinceStartMs);
          const left = await containersOf(docker);
          if (![...left].every((id) => before.has(id))) throw new Error('a container was made anew');
          await agent.tell({ kind: 'go' });
          await waitFor(
            'every sandbox to work',
            async () => (await agent.tell({ kind: 'count' })).worked === containers,
            patience,
          );
        } finally {
          await agent.kill();
          await removeAll(docker.engine);
          rmSync(directory, { recursive: true, force: true });
        }
      }
      return `${containers} of ${containers} taken up ${seconds(adopted)} after the start of the daemon, ${orphans} orphans gone after ${seconds(swept)}; every container went on working`;
    },
  },
  {
    fault: 'container engine kill -9 with 12 containers running, then started again',
    times: 1,
    async run(times) {
      const image = present(await dockerForTests(), 'a container engine').image;
      const engine = await startPrivateEngine(image);
      const back: number[] = [];
      try {
        for (let count = 0; count < times; count += 1) back.push(await restartUnderWork(engine));
      } finally {
        await engine.remove();
      }
      return `0 of ${fewContainers} attempts ended while it was away; every container worked on ${seconds(back)} after its start`;
    },
  },
];

/** Milliseconds from the start of the engine until every attempt had a command carried out in the container that it had before. */
async function restartUnderWork(engine: PrivateEngine): Promise<number> {
  const docker = present(await dockerForTests({ engineSocket: engine.socket }), 'a container engine');
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-adoption-'));
  const agent = startAgent(directory, docker, fewContainers);
  try {
    await agent.tell({ kind: 'start', count: fewContainers });
    const isThinking = async (): Promise<boolean> => (await agent.tell({ kind: 'count' })).thinking === fewContainers;
    await waitFor('every attempt to think', isThinking, patience);
    const before = await containersOf(docker);
    await engine.kill();
    await new Promise((resolve) => setTimeout(resolve, engineAwayMs));
    const { ended } = await agent.tell({ kind: 'count' });
    if (ended > 0) throw new Error(`${ended} attempts were given up because the engine did not answer`);
    const sinceMs = performance.now();
    await engine.start();
    await agent.tell({ kind: 'go' });
    const haveWorked = async (): Promise<boolean> => (await agent.tell({ kind: 'count' })).worked === fewContainers;
    await waitFor('every sandbox to work', haveWorked, { ...patience, timeoutMs: 90_000 });
    const ms = performance.now() - sinceMs;
    const after = await containersOf(docker);
    if (after.size !== before.size || ![...after].every((id) => before.has(id)))
      throw new Error('not the containers that there were');
    return ms;
  } finally {
    await agent.kill();
    await removeAll(docker.engine);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function containersOf({ engine }: DockerForTests): Promise<Set<string>> {
  return new Set((await engine.list()).map(({ containerId }) => containerId));
}

function seconds(values: readonly number[]): string {
  return values.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ');
}

interface KillableAgent {
  tell(word: AgentWord): Promise<AgentCounts>;
  kill(): Promise<void>;
}

function startAgent(
  directory: string,
  { socketPath }: Pick<DockerForTests, 'socketPath'>,
  slots: number,
): KillableAgent {
  const child: ChildProcess = fork(join(import.meta.dirname, 'main-adopting-agent.ts'), [
    directory,
    socketPath,
    String(slots),
  ]);
  const gone = once(child, 'exit');
  return {
    async tell(word) {
      const answer = once(child, 'message');
      child.send(word);
      const [counts] = (await Promise.race([answer, gone.then(() => [undefined])])) as [AgentCounts | undefined];
      return present(counts, 'an agent that answers');
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
