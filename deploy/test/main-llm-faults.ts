// `npm run test:llm-faults [-- --attempts N]`: the same attempts against a model without and with faults in one turn of
// five. Fails unless no attempt is lost, throughput stays at 80 % or more and spend at 1.2 times or less.

import { quantileOf } from '../../bench/statistics.ts';
import { faults } from '../../test/llm-faults/faulty-endpoint.ts';
import { type FleetResult, runFleet } from '../../test/llm-faults/fleet.ts';

const at = process.argv.indexOf('--attempts');
const attempts = at < 0 ? 60 : Number(process.argv[at + 1]);
const seedAt = process.argv.indexOf('--seed');
const seed = seedAt < 0 ? '1' : (process.argv[seedAt + 1] ?? '1');
const lanes = 12;
/** A second of a real run takes twenty milliseconds. */
const scaleMs = 20;
const goals = { lost: 0, throughput: 0.8, spend: 1.2 };

const shared = { seed, attempts, lanes, scaleMs };
// A small one first, so that neither pays for loading; then both at once, so that whatever else the machine does slows both.
await runFleet({ ...shared, attempts: lanes, faultShare: 0.2 });
const [clean, faulty] = await Promise.all([
  runFleet({ ...shared, faultShare: 0 }),
  runFleet({ ...shared, faultShare: 0.2 }),
]);
print('without faults', clean);
print('with faults in 20 % of the turns', faulty);
for (const fault of faults) process.stdout.write(`  ${String(faulty.failed.get(fault) ?? 0).padStart(4)} × ${fault}\n`);
for (const line of faulty.lost) process.stdout.write(`  lost: ${line}\n`);
const throughput = clean.seconds / faulty.seconds;
const spend = faulty.dollars / clean.dollars;
const counted = faulty.dollars / faulty.billedDollars;
process.stdout.write(
  [
    `attempts lost: ${faulty.lost.length} of ${attempts} (goal: ${goals.lost})`,
    `throughput: ${(100 * throughput).toFixed(1)} % (goal: ${100 * goals.throughput} % or more)`,
    `spend: ${spend.toFixed(3)} × (goal: ${goals.spend} or less); the gateway counted ${counted.toFixed(3)} × the bill`,
    '',
  ].join('\n'),
);
const held = faulty.lost.length === 0 && clean.lost.length === 0;
process.exitCode = held && throughput >= goals.throughput && spend <= goals.spend ? 0 : 1;

function print(name: string, result: FleetResult): void {
  const { seconds, turns, dollars, lost, attemptSeconds, turnSeconds } = result;
  const ended = attempts - lost.length;
  process.stdout.write(
    `${name}: ${ended} of ${attempts} attempts in ${seconds.toFixed(1)} s, ${turns} requests, $${dollars.toFixed(3)}\n` +
      `  an attempt: ${spread(attemptSeconds)}; a turn with its tries: ${spread(turnSeconds)}\n`,
  );
}

/** Median and 95th percentile, in seconds of the test and of the real run that it stands for. */
function spread(seconds: readonly number[]): string {
  const at = (share: number): string => {
    const value = quantileOf(seconds, share);
    return `${value.toFixed(2)} s (${((value * 1000) / scaleMs).toFixed(0)} s)`;
  };
  return `p50 ${at(0.5)}, p95 ${at(0.95)}`;
}
