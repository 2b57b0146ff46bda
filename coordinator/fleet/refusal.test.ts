import { expect, test } from 'vitest';
import { slotId } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { description } from '../core/machine.test-support.ts';
import { describedByRefusal } from './refusal.ts';

const refused = (reason: string): RpcFault => new RpcFault('failedPrecondition', `it is ${reason}`, { reason });

test('a slot that is refused as unusable is so from then on, and no other; a host that drains takes nothing', () => {
  const host = description(2);
  const [first, second] = host.slots;
  const unusable = describedByRefusal(host, refused('unusableSlot'), slotId(second?.slotId ?? ''));
  expect(unusable?.slots).toEqual([first, { ...second, health: 'unusable', healthReason: 'it is unusableSlot' }]);
  expect(describedByRefusal(host, refused('draining'), slotId('cpu-0'))).toEqual({ ...host, draining: true });
});

test('what has to do with the attempt, or is no refusal, says nothing of the host', () => {
  expect(describedByRefusal(description(1), refused('slotFull'), slotId('cpu-0'))).toBeUndefined();
  expect(describedByRefusal(description(1), new Error('unusableSlot'), slotId('cpu-0'))).toBeUndefined();
});
