// The container engine goes while sandboxes work: tool calls and clean-slate runs. An engine that keeps its containers (live-restore) loses
// the way to them alone, another one takes them with it. Needs Docker; nothing of the fleet. The engine is one of our own.

import type { Agent } from '../../gpu-agent/agent.ts';
import type { ModelRequest } from '../../gpu-agent/model/model.ts';
import { type DockerForTests, dockerForTests, removeAll } from '../../gpu-agent/sandbox/sandbox-fixture.ts';
import { openRig, type Rig } from '../../gpu-agent/testing/agent-rig.ts';
import { answer, type ScriptedTurn, scriptedCall, scriptedModel } from '../../gpu-agent/testing/scripted-model.ts';
import { submit, write } from '../../gpu-agent/testing/scripted-work.ts';
import { present } from '../../shared/core/assert.ts';
import { attemptId, slotId } from '../../shared/core/ids.ts';
import { waitFor } from '../support/wait-for.ts';
import { type PrivateEngine, startPrivateEngine } from './private-engine.ts';
import type { HostRow } from './row.ts';

const patience = { timeoutMs: 300_000, everyMs: 50 } as const;
/** Of each kind. */
const attempts = 4;
const engineAwayMs = 5000;
/** Long enough to be under way when the engine goes; one that takes its containers along gives them 15 s to end by themselves. */
const workSeconds = { kept: 4, taken: 25 } as const;

export const interruptedSandboxes: readonly HostRow[] = [
  {
    fault: `container engine kill -9 under ${attempts} tool calls and ${attempts} clean-slate runs, then started again`,
    times: 1,
    run: (times) => underWork(times, { liveRestore: true }),
  },
  {
    fault: `container engine stopped with its containers under ${attempts} tool calls and ${attempts} clean-slate runs, then started again`,
    times: 1,
    run: (times) => underWork(times, { liveRestore: false }),
  },
];

/** Those that work in a tool call when the engine goes; the others run from a clean slate then. */
const inToolCall = 'call';

const program = (before: string): string =>
  `import time\n${before}\nwith open("/out/submission.csv", "w") as out:\n    out.write("id,y\\n3,1\\n4,0\\n")\n`;
const isOfToolCall = ({ requestId }: ModelRequest): boolean => requestId.startsWith(inToolCall);
/** Both kinds at once; a call that was told that its files are gone writes them again. */
function script(seconds: number): ScriptedTurn[] {
  const first: ScriptedTurn = (request) =>
    answer('', write(program(isOfToolCall(request) ? '' : `time.sleep(${seconds})`)));
  const second: ScriptedTurn = (request) =>
    answer('', isOfToolCall(request) ? scriptedCall('bash', { command: `sleep ${seconds}` }) : submit);
  return [first, second, write(program('')), submit];
}

async function underWork(times: number, { liveRestore }: { readonly liveRestore: boolean }): Promise<string> {
  const image = present(await dockerForTests(), 'a container engine').image;
  const engine = await startPrivateEngine(image, { liveRestore });
  const back: number[] = [];
  try {
    for (let count = 0; count < times; count += 1) back.push(await interrupt(engine, liveRestore));
  } finally {
    await engine.remove();
  }
  return `${2 * attempts} of ${2 * attempts} attempts handed in all the same, the last ${back.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(', ')} after the engine's start`;
}

/** Milliseconds from the engine's start until the last attempt has ended. */
async function interrupt(engine: PrivateEngine, isKilled: boolean): Promise<number> {
  const docker = present(await dockerForTests({ engineSocket: engine.socket }), 'a container engine');
  const rig = await openRig();
  try {
    const agent = await rig.start(scriptedModel(script(isKilled ? workSeconds.kept : workSeconds.taken)), {
      engine: docker.engine,
      slots: 2 * attempts,
      trajectoriesPerSlot: 1,
    });
    const names = startAll(rig, agent);
    await waitFor('every sandbox to work', () => areAtWork(docker, agent), patience);
    if (isKilled) await engine.kill();
    else await engine.stop();
    await new Promise((resolve) => setTimeout(resolve, engineAwayMs));
    const sinceMs = performance.now();
    await engine.start();
    const ends = (): unknown[] => names.filter((name) => rig.bus.ended(name) !== undefined);
    await waitFor('every attempt to end', async () => ends().length === names.length, patience);
    for (const name of names) {
      const { failureReason, failureMessage } = present(rig.bus.ended(name), name).body;
      if (failureReason !== undefined) throw new Error(`${name} failed: ${failureReason}, ${failureMessage}`);
    }
    const ms = performance.now() - sinceMs;
    await waitFor('no sandbox to be left', async () => (await docker.engine.list()).length === 0, patience);
    return ms;
  } finally {
    await rig.remove();
    await removeAll(docker.engine);
  }
}

function startAll(rig: Rig, agent: Agent): string[] {
  const names = [inToolCall, 'slate'].flatMap((kind) =>
    Array.from({ length: attempts }, (_, number) => `${kind}-${number}`),
  );
  const limits = { ...rig.order().limits, toolSeconds: 100, executionSeconds: 100, trajectorySeconds: 600 };
  for (const [number, name] of names.entries()) {
    agent.start(
      rig.order({ attemptId: attemptId(name), slotId: slotId(`cpu-${number}`), leaseTtlMs: 600_000, limits }),
    );
  }
  return names;
}

/** True where each kind is in the middle of what is to be interrupted. */
async function areAtWork({ engine }: DockerForTests, agent: Agent): Promise<boolean> {
  const running = await engine.list();
  const slates = running.filter(({ purpose }) => purpose === 'cleanSlate');
  const calls = running.filter(({ attemptId: name }) => name.startsWith(inToolCall));
  const begun = await Promise.all(calls.map(async ({ attemptId: name }) => (await turnsOf(agent, name)) === 2));
  return slates.length === attempts && begun.length === attempts && begun.every(Boolean);
}

async function turnsOf(agent: Agent, name: string): Promise<number> {
  let turns = 0;
  const entries = agent.transcript(name, 0, false, new AbortController().signal);
  for await (const { json } of entries ?? []) if (json.includes('"kind":"modelAnswered"')) turns += 1;
  return turns;
}
