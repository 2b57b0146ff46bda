import { expect, test } from 'vitest';
import { hostName } from '../shared/core/ids.ts';
import { joinHost, newMachine } from './core/machine.test-support.ts';
import { newCoordinatorMetrics } from './metrics.ts';

test('a host that went away after it was taken out is not counted as lost, so no alert is for it', async () => {
  const machine = newMachine();
  const [alpha, beta] = [hostName('alpha'), hostName('beta')];
  for (const host of [alpha, beta]) {
    joinHost(machine, host, 1);
    machine.take({ kind: 'hostLost', host, reason: 'no answer' });
  }
  machine.take({ kind: 'hostCordoned', host: alpha, reason: 'decommissioned', by: 'ann' });
  const metrics = newCoordinatorMetrics();
  metrics.observe(machine.state, [], 0, 0);
  expect(await metrics.page.text()).toContain('doubleblind_coordinator_hosts{lost="true"} 1');
  machine.take({ kind: 'hostUncordoned', host: alpha });
  metrics.observe(machine.state, [], 0, 0);
  expect(await metrics.page.text()).toContain('doubleblind_coordinator_hosts{lost="true"} 2');
});
