import { expect, test, vi } from 'vitest';
import type { ResultEvent } from '../shared/bus/messages.ts';
import { systemClock } from '../shared/clock.ts';
import { attemptId } from '../shared/core/ids.ts';
import { silentLogger } from '../shared/log.ts';
import { sha256 } from '../shared/store/digest.ts';
import { type Agent, startAgent } from './agent.ts';
import { openHostBook } from './outbox/host-book.ts';
import type { Performer } from './performer.ts';
import { cpuSlots } from './slots.ts';
import { sampleOrder } from './testing/agent-rig.ts';

/** Every attempt fails at once. */
const performer: Performer = {
  perform: ({ kind }) =>
    kind === 'storeArtifacts'
      ? Promise.resolve({ kind: 'artifactsStored', artifacts: {}, elapsedSeconds: 0 })
      : Promise.reject(new Error('no engine')),
  adopt: () => Promise.resolve(),
  removeSandboxes: () => Promise.resolve(),
  removeStaging: () => Promise.resolve(),
};

async function hostThatFails(ended: string[]): Promise<Agent> {
  return await startAgent({
    ports: {
      ...{ host: 'host-1', bootId: 'boot', book: openHostBook(':memory:'), clock: systemClock, log: silentLogger },
      engine: { list: () => Promise.resolve([]), remove: () => Promise.resolve() },
      openPerformer: () => performer,
    },
    bus: {
      publishHeartbeat: () => undefined,
      publishResult: (event: ResultEvent) => {
        if (event.kind === 'attemptEnded') ended.push(event.attemptId);
        return Promise.resolve();
      },
    },
    ...{ version: 'test', imageDigest: 'none', trajectoriesPerSlot: 1, contextCharacters: 1000, heartbeatMs: 1000 },
    slots: () => cpuSlots(1),
    random: () => 0.5,
  });
}

test('a host forgets an attempt when 200 later ones have ended, so that weeks of them cost it no more than a day', async () => {
  const ended: string[] = [];
  const agent = await hostThatFails(ended);
  const order = { ...sampleOrder(sha256('a bundle')), answerIsStart: true };
  for (let number = 1; number <= 201; number += 1) {
    expect(agent.start({ ...order, attemptId: attemptId(`attempt-${number}`) })).toEqual({ alreadyKnown: false });
    await vi.waitFor(() => expect(ended).toContain(`attempt-${number}`), { interval: 1 });
    agent.confirm([number]);
  }
  expect(agent.start({ ...order, attemptId: attemptId('attempt-2') })).toEqual({ alreadyKnown: true });
  expect(agent.start({ ...order, attemptId: attemptId('attempt-1') })).toEqual({ alreadyKnown: false });
  await agent.stop();
});
