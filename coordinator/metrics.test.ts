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
  const metrics = newCoordinatorMetrics(() => ({ state: machine.state, commands: 0 }));
  expect(await metrics.page.text()).toContain('doubleblind_coordinator_hosts{lost="true"} 1');
  machine.take({ kind: 'hostUncordoned', host: alpha });
  expect(await metrics.page.text()).toContain('doubleblind_coordinator_hosts{lost="true"} 2');
});

test('a page tells what is there when it is asked for, also where nothing was committed since the start', async () => {
  const machine = newMachine();
  joinHost(machine, hostName('alpha'), 3);
  const metrics = newCoordinatorMetrics(() => ({ state: machine.state, commands: 7 }));
  const page = await metrics.page.text();
  expect(page).toContain(`doubleblind_coordinator_journal_sequence ${machine.state.sequence}`);
  expect(page).toContain('doubleblind_coordinator_hosts{lost="false"} 1');
  expect(page).toContain('doubleblind_coordinator_schedulable_slots 3');
  expect(page).toContain('doubleblind_coordinator_commands 7');
});
