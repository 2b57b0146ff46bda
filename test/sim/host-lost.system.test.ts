import { expect, test } from 'vitest';
import { nextFloat, seedRng } from '../../shared/core/rng.ts';
import { inEvaluatorDirectory } from './simulation.ts';
import { World } from './world.ts';

/** Virtual milliseconds from the loss of a busy host's power until the coordinator gave it nothing more, and gave its work away. */
async function loseOne(seed: number, evaluatorDirectory: string): Promise<{ suspectedMs: number; lostMs: number }> {
  const world = new World({ seed, evaluatorDirectory });
  const rng = seedRng(`loss ${seed}`);
  const state = () => world.coordinator.actor?.state;
  const until = async (isReached: () => boolean): Promise<number> => {
    while (!isReached()) {
      if (!world.timeline.advance()) throw new Error('nothing happens any more');
      for (let hop = 0; hop < 20; hop += 1) await undefined;
    }
    return world.timeline.nowMs;
  };
  try {
    await world.open();
    const lossMs = 1000 + nextFloat(rng) * 8000;
    await until(() => world.timeline.nowMs >= lossMs && world.hosts.some(({ engine }) => engine.containers.size > 0));
    const host = world.hosts.find(({ engine }) => engine.containers.size > 0);
    if (host === undefined) throw new Error('no host is busy');
    host.lose();
    const sinceMs = world.timeline.nowMs;
    const seen = () => [...(state()?.hosts.values() ?? [])].find(({ name }) => name === host.name);
    const suspectedMs = (await until(() => seen()?.suspected === true || seen()?.lost === true)) - sinceMs;
    const lostMs = (await until(() => seen()?.lost === true && seen()?.attempts.size === 0)) - sinceMs;
    expect(world.problems).toEqual([]);
    return { suspectedMs, lostMs };
  } finally {
    world.close();
  }
}

test('a host that loses its power is noticed within 6 s, and its work is free for others within 12 s', async () => {
  const found: Awaited<ReturnType<typeof loseOne>>[] = [];
  await inEvaluatorDirectory(async (directory) => {
    for (let seed = 1; seed <= 60; seed += 1) found.push(await loseOne(seed, directory));
  });
  const suspected = found.map(({ suspectedMs }) => suspectedMs).sort((left, right) => left - right);
  const lost = found.map(({ lostMs }) => lostMs).sort((left, right) => left - right);
  const seconds = (values: number[], index: number): string => ((values.at(index) ?? 0) / 1000).toFixed(1);
  console.info(
    `host lost, 60 times: suspected after ${seconds(suspected, 30)} s (median) and ${seconds(suspected, -1)} s (worst); ` +
      `its work free after ${seconds(lost, 30)} s and ${seconds(lost, -1)} s`,
  );
  expect(suspected.at(-1)).toBeLessThanOrEqual(6000);
  expect(lost.at(-1)).toBeLessThanOrEqual(12_000);
});
