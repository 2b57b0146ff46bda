// A gpu-agent as a process of its own, to be killed: the real agent and real containers, with a model that thinks until it is told to go
// on, then has one command carried out, and thinks for ever. Started by many-containers.ts with a channel.

import { createDockerSandboxEngine } from '../../gpu-agent/sandbox/docker-sandbox.ts';
import { openRig } from '../../gpu-agent/testing/agent-rig.ts';
import { answer, scriptedCall } from '../../gpu-agent/testing/scripted-model.ts';
import { attemptId, slotId } from '../../shared/core/ids.ts';
import { connectContainerHost } from '../../shared/sandbox/proxy-client.ts';
import type { AgentCounts, AgentWord } from './many-containers.ts';

const [directory = '', socketPath = '', slots = '1'] = process.argv.slice(2);
const word = 'still-here';
const go = Promise.withResolvers<void>();
const [thinking, worked] = [new Set<string>(), new Set<string>()];

const engine = createDockerSandboxEngine(connectContainerHost(socketPath));
const rig = await openRig(directory);
const startedMs = performance.now();
const agent = await rig.start(
  {
    async complete({ requestId, messages }) {
      const attempt = requestId.split(':')[0] ?? '';
      if (JSON.stringify(messages).includes(`${word}-1`)) {
        worked.add(attempt);
        return await new Promise(() => undefined);
      }
      thinking.add(attempt);
      await go.promise;
      // The shell works the number out, so that the words of the command are not taken for its answer.
      return answer('', scriptedCall('bash', { command: `echo ${word}-$((3 - 2))` }));
    },
  },
  { engine, slots: Number(slots), trajectoriesPerSlot: 1 },
);

function order(number: number) {
  return rig.order({ attemptId: attemptId(`attempt-${number}`), slotId: slotId(`cpu-${number}`), leaseTtlMs: 600_000 });
}

process.on('message', (message: AgentWord) => {
  if (message.kind === 'start') for (let number = 0; number < message.count; number += 1) agent.start(order(number));
  if (message.kind === 'renew') {
    const names = Array.from({ length: message.count }, (_, number) => ({ attemptId: `attempt-${number}`, epoch: 1 }));
    agent.renew(names, 600_000);
  }
  if (message.kind === 'go') go.resolve();
  const counts: AgentCounts = {
    thinking: thinking.size,
    worked: worked.size,
    ended: rig.bus.results.filter(({ kind }) => kind === 'attemptEnded').length,
    sinceStartMs: performance.now() - startedMs,
  };
  process.send?.(counts);
});
process.on('disconnect', () => process.exit(0));
