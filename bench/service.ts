// A submission of a million rows through the real evaluator: its own process, TLS and gRPC, checked, joined, scored on every
// split and recorded, with the peak memory that the kernel counted for the process. Started as its unit starts it: with the same
// flags of Node, and with compiled sources in the cache.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { nextFloat, nextInt, nextUint32, type Rng, seedRng } from '../shared/core/rng.ts';
import { nodeFlags } from '../shared/daemon/node-flags.ts';
import { createRpcClient } from '../shared/rpc/client.ts';
import { testTls } from '../shared/rpc/test-peers.ts';
import { makeTasks, messages } from '../test/support/attacked-evaluator.ts';
import { cpuSecondsOf, endProcess, memoryOf } from './processes.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';
import { type Spread, spreadOf } from './statistics.ts';

const metrics = ['roc-auc', 'accuracy'];
const rows = 1_000_000;
const defaultRounds = 3;
/** What we promise of the whole process. */
const promisedBytes = 256e6;
const root = join(import.meta.dirname, '..');

/** Ids as the import makes them. */
function idOf(row: number): string {
  const rng = seedRng(`id:${row}`);
  const digits = (nextUint32(rng) & 0xffffff).toString(16).padStart(6, '0');
  return `r${digits}${row.toString(16).padStart(6, '0')}`;
}

function submission(metric: string, truth: readonly number[], ids: readonly string[], rng: Rng): Buffer {
  const shownOf = (label: number): string =>
    metric === 'accuracy'
      ? String(nextFloat(rng) < 0.8 ? label : 1 - label)
      : String(0.8 * nextFloat(rng) + 0.2 * label);
  const pieces = [Buffer.from('id,y\n')];
  // The rows stand in another order: a stride that has no factor in common with their number.
  for (let start = 0; start < rows; start += 10_000) {
    const lines = Array.from({ length: 10_000 }, (_, index) => {
      const row = ((start + index) * 611_953) % rows;
      return `${ids[row]},${shownOf(truth[row] ?? 0)}`;
    });
    pieces.push(Buffer.from(`${lines.join('\n')}\n`));
  }
  return Buffer.concat(pieces);
}

interface ServiceResult {
  readonly metric: string;
  readonly fileBytes: number;
  readonly first: number;
  readonly seconds: Spread;
  /** Of the processor, in the evaluator's process. */
  readonly cpuSeconds: Spread;
  readonly idleBytes: number;
  readonly peakBytes: number;
}

/** `npm run bench -- service [ROUNDS]`. */
export async function benchService(words: readonly string[]): Promise<BenchReport> {
  const rounds = Number(words[0] ?? defaultRounds);
  if (!(rounds > 0)) throw new RangeError('takes a number of rounds');
  const results = [];
  for (const metric of metrics) results.push(await benchMetric(metric, rounds));
  const path = writeResults('service', { rows, rounds, results });
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const spread = ({ median, low, high }: Spread): string =>
    `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
  const table = results.map(({ metric, fileBytes, first, seconds, cpuSeconds, idleBytes, peakBytes }) => [
    `${metric} 1e6`,
    megabytes(fileBytes),
    first.toFixed(2),
    spread(seconds),
    spread(cpuSeconds),
    megabytes(idleBytes),
    megabytes(peakBytes),
  ]);
  const header = ['metric, rows', 'file', 'first', 'later', 'of the processor', 'idle', 'peak'];
  const head = `Seconds from the first byte to the answer, the first one with the task's rows to load; median (range) of ${rounds} later ones. Memory of the evaluator's process.\n`;
  const broken = results
    .filter(({ peakBytes }) => peakBytes > promisedBytes)
    .map(({ metric, peakBytes }) => `${metric}: ${megabytes(peakBytes)}, not ${megabytes(promisedBytes)}`);
  return { text: `${head}${textTable([header, ...table])}${path}\n`, broken };
}

async function benchMetric(metric: string, rounds: number): Promise<ServiceResult> {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  const rng = seedRng(`service:${metric}`);
  const truth = Array.from({ length: rows }, () => nextInt(rng, 2));
  const [search, validation] = [truth.slice(0, rows / 2), truth.slice(rows / 2)];
  makeTasks(directory, [{ name: 'large', metric, feedback: 'quantised', search, validation, idOf }]);
  const ids = truth.map((_, row) => idOf(row));
  // All made before there is a connection: one that is not answered for long is closed.
  const files = Array.from({ length: rounds + 1 }, () => submission(metric, truth, ids, rng));
  // The first start compiles the sources; what is measured is one of a node that was started before.
  await endProcess((await startProcess(directory)).child);
  const evaluator = await startProcess(directory);
  const service = 'doubleblind.evaluator.v1.EvaluatorService' as const;
  const tls = await testTls('coordinator');
  const client = createRpcClient({ service, address: evaluator.address, tls, expectRole: 'evaluator' });
  try {
    const idleBytes = memoryOf(evaluator.child, 'VmRSS');
    const seconds: number[] = [];
    const cpuSeconds: number[] = [];
    for (const [round, file] of files.entries()) {
      const attempt = { task: 'large', run: 'bench', candidate: `c${round}` };
      const [startedMs, used] = [performance.now(), cpuSecondsOf(evaluator.child)];
      const answer = await client.evaluate(messages(attempt, file), { deadlineMs: 120_000 });
      seconds.push((performance.now() - startedMs) / 1000);
      cpuSeconds.push(cpuSecondsOf(evaluator.child) - used);
      if (answer.result !== 'score') throw new Error(`${metric}: ${JSON.stringify(answer.refusal)}`);
    }
    const [first = Number.NaN, ...later] = seconds;
    const peakBytes = memoryOf(evaluator.child, 'VmHWM');
    const spreads = { seconds: spreadOf(later), cpuSeconds: spreadOf(cpuSeconds.slice(1)) };
    return { metric, fileBytes: files[0]?.length ?? 0, first, ...spreads, idleBytes, peakBytes };
  } finally {
    client.close();
    await endProcess(evaluator.child);
    rmSync(directory, { recursive: true });
  }
}

/** The evaluator as its unit starts it, on a port that the system chose. */
async function startProcess(stateDirectory: string): Promise<{ child: ChildProcess; address: string }> {
  const config = join(stateDirectory, 'evaluator.yaml');
  // An answer leaves when it is there: the tick would be measured as well.
  const content = { listen: '127.0.0.1:0', stateDirectory, replyTickMs: 0, tls: await testTls('evaluator') };
  writeFileSync(config, JSON.stringify(content));
  const script = [join(root, 'evaluator-node', 'main.ts'), '--config', config];
  const child = spawn(process.execPath, [...(nodeFlags['evaluator'] ?? []), ...script], {
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, '.runtime', 'compile-cache') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const address = /"address":"([^"]+)"/.exec(line)?.[1];
    if (address === undefined) continue;
    child.stdout.resume();
    return { child, address };
  }
  throw new Error('the evaluator ended before it listened');
}
