// Real faults on a fleet of real processes with networks of their own: three hosts, a coordinator, a nats-server, a gateway and
// the evaluator in its segment. Each fault once, all of them in one run; `npm run test:faults` repeats them and prints figures.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { type Fleet, startFleet } from '../faults/fleet.ts';
import { rows, runRows } from '../faults/table.ts';
import { networkMissing } from '../support/network.ts';

const missing = networkMissing();
let fleet: Fleet | undefined;

beforeAll(async () => {
  if (missing === undefined) fleet = await startFleet({ hosts: 3, slots: 2 });
}, 300_000);

afterAll(async () => {
  await fleet?.stop();
}, 60_000);

test('daemons killed, networks cut, an agent that stood still, a bus without its store: nothing is lost or counted twice', async ({
  skip,
}) => {
  if (missing !== undefined) return skip(missing);
  const chosen = rows.filter(({ inEveryTest }) => inEveryTest);
  const table = await runRows(
    present(fleet, 'the fleet'),
    chosen,
    () => 1,
    ({ fault, measured }) => {
      process.stdout.write(`${fault}: ${measured}\n`);
    },
  );
  expect(table.filter(({ held }) => !held)).toEqual([]);
}, 900_000);
