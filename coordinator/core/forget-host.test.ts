import { expect, test } from 'vitest';
import { hostName } from '../../shared/core/ids.ts';
import { audit } from './audit.ts';
import { createRun, joinHost, newMachine } from './machine.test-support.ts';

const [alpha, beta] = [hostName('alpha'), hostName('beta')];
const dayMs = 24 * 3_600_000;

test('a host is forgotten a day after it was lost, not one that came back or that an operator holds back', () => {
  const machine = newMachine();
  for (const host of ['alpha', 'beta', 'gamma', 'delta']) joinHost(machine, host, 1);
  createRun(machine, { candidates: 9 });
  for (const host of machine.state.hosts.keys()) machine.take({ kind: 'hostLost', host, reason: 'no answer' });
  machine.take({ kind: 'hostCordoned', host: beta, reason: 'new disk', by: 'ann' });
  joinHost(machine, 'gamma', 1);
  machine.take({ kind: 'hostForgotten', host: hostName('gamma') });
  machine.take({ kind: 'clockTicked' }, dayMs - 100);
  expect([...machine.state.hosts.keys()]).toEqual(['alpha', 'beta', 'gamma', 'delta']);
  machine.take({ kind: 'clockTicked' }, 100);
  expect([...machine.state.hosts.keys()]).toEqual(['beta', 'gamma']);
  expect(audit(machine.state)).toEqual([]);

  machine.take({ kind: 'hostUncordoned', host: beta });
  machine.take({ kind: 'clockTicked' }, dayMs - 100);
  expect(machine.state.hosts.has(beta)).toBe(true);
  machine.take({ kind: 'clockTicked' }, 100);
  expect(machine.state.hosts.has(beta)).toBe(false);

  joinHost(machine, 'alpha', 1);
  expect(machine.state.hosts.get(alpha)).toMatchObject({ lost: false, cordoned: false });
  expect(audit(machine.state)).toEqual([]);
});
