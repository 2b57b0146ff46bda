// Makes the outcomes that a plan wants and that are not there yet.

import { type Arm, arms, type PeerName, peerNames } from './arms.ts';
import { type ArmCluster, startArmCluster } from './drive.ts';
import { keepOutcome, knownOutcomes, missingRuns, type Outcome, outcomeKey, type Plan } from './outcomes.ts';
import { runPeer } from './peer.ts';

/** All outcomes of the plan. What a run came to is kept even where the next one fails. */
export async function outcomesOf(plan: Plan): Promise<Outcome[]> {
  const key = outcomeKey();
  const done = knownOutcomes(key);
  const clusters = new Map<Arm['scoring'], ArmCluster>();
  const clusterOf = async (scoring: Arm['scoring']): Promise<ArmCluster> => {
    const cluster = clusters.get(scoring) ?? (await startArmCluster(scoring));
    clusters.set(scoring, cluster);
    return cluster;
  };
  try {
    const missing = missingRuns(plan, done);
    for (const [index, { task, seed, arm: name }] of missing.entries()) {
      const arm = arms.find((one) => one.name === name);
      const found =
        arm === undefined
          ? await runPeer(asPeer(name), fullOf(done, task, seed))
          : await (await clusterOf(arm.scoring)).run(arm, task, seed);
      const outcome: Outcome = { key, task, seed, arm: name, ...found };
      keepOutcome(outcome);
      done.push(outcome);
      const progress = `${index + 1} of ${missing.length}: ${task} seed ${seed} ${name}`;
      process.stderr.write(`… ${progress}: ${outcome.test} on test in ${Math.round(outcome.seconds)} s\n`);
    }
  } finally {
    for (const cluster of clusters.values()) await cluster.stop();
  }
  const wanted = ({ task, seed, arm }: Outcome): boolean =>
    plan.tasks.includes(task) && plan.seeds.includes(seed) && plan.arms.includes(arm);
  return done.filter(wanted);
}

function asPeer(name: string): PeerName {
  const peer = peerNames.find((one) => one === name);
  if (peer === undefined) throw new Error(`there is no arm ${name}`);
  return peer;
}

function fullOf(done: readonly Outcome[], task: string, seed: number): Outcome {
  const full = done.find((one) => one.task === task && one.seed === seed && one.arm === 'full');
  if (full === undefined) throw new Error(`a peer gets the time of the full arm, and ${task} seed ${seed} has none`);
  return full;
}
