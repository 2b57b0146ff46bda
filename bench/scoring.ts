// Scoring beside Python: the same two CSV files, checked, joined by id and scored, by `doubleblind score` and by pandas
// with scikit-learn as MLE-bench's graders do it; each as a fresh process and as one that stays ("warm").
//
// Every round runs every peer, one after the other, so that a busy moment of the machine meets them all. Both sides must
// give the same score to 1e-9, or the benchmark fails. Ours also computes the standard error, which the peer does not.
//
// Beside the seconds stand those of the processor: on a machine with other work they say more.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { debianPython as python, pythonModule, requireDebian, versionOf } from './peers.ts';
import { type BenchReport, textTable, writeResults } from './results.ts';
import { inTurn } from './rounds.ts';
import { type ScoringFiles, type ValueKind, writeScoringFiles } from './scoring-data.ts';
import { type Spread, spreadOf } from './statistics.ts';
import { type StripGroup, stripChart } from './strip-chart.ts';

const metrics: readonly (readonly [string, ValueKind])[] = [
  ['log-loss', 'binary'],
  ['roc-auc', 'binary'],
  ['rmse', 'number'],
  ['mae', 'number'],
  ['accuracy', 'label'],
];
const rowCounts = [100_000, 1_000_000];
const defaultRounds = 5;

/** What we promise of the largest files. */
const promised = { freshTimes: 5, warmTimes: 2, peakBytes: 256e6 };

const root = join(import.meta.dirname, '..');
const measureScript = join(import.meta.dirname, 'peers', 'measure.py');
const peerScript = join(import.meta.dirname, 'peers', 'score_mle_bench.py');

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly score: number;
  /** Of a fresh process. */
  readonly peakBytes?: number;
}

interface Case {
  readonly metric: string;
  readonly rows: number;
  readonly files: ScoringFiles;
}

type Peer = 'freshOurs' | 'freshPython' | 'warmOurs' | 'warmPython';

/** `npm run bench -- scoring [ROUNDS [METRIC…]]`. */
export async function benchScoring(words: readonly string[]): Promise<BenchReport> {
  const [roundsWord, ...wanted] = words;
  const rounds = Number(roundsWord ?? defaultRounds);
  const unknown = wanted.find((name) => !metrics.some(([metric]) => metric === name));
  if (!(rounds > 0) || unknown !== undefined) {
    throw new RangeError(`takes a number of rounds, then some of ${metrics.map(([metric]) => metric).join(', ')}`);
  }
  requireDebian([pythonModule('pandas', 'python3-pandas'), pythonModule('sklearn', 'python3-sklearn')]);
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  const environment = peerEnvironment();
  const warmOurs = serve(process.execPath, [join(import.meta.dirname, 'main-warm-scorer.ts')], environment);
  const warmPython = serve(python, [peerScript, '--serve'], environment);
  try {
    const results = [];
    for (const rows of rowCounts) {
      for (const [metric, kind] of metrics) {
        if (wanted.length > 0 && !wanted.includes(metric)) continue;
        const measured = { metric, rows, files: writeScoringFiles(directory, kind, rows) };
        const result = await benchCase(measured, rounds, { warmOurs, warmPython, environment, directory });
        results.push(result);
        // A long benchmark that is stopped has still said what it measured.
        process.stderr.write(`… ${tableRow(result).join('  ')}\n`);
      }
    }
    return report(results, rounds);
  } finally {
    warmOurs.stop();
    warmPython.stop();
    rmSync(directory, { recursive: true });
  }
}

/** The peer gets a plain environment: settings of a machine's owner for its linear algebra would be measured as well. */
function peerEnvironment(): NodeJS.ProcessEnv {
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith('OPENBLAS_'));
  return { ...Object.fromEntries(plain), NODE_COMPILE_CACHE: join(root, '.runtime', 'compile-cache') };
}

interface Served {
  ask(words: readonly string[]): Promise<Measured>;
  stop(): void;
}

function serve(command: string, args: readonly string[], environment: NodeJS.ProcessEnv): Served {
  const child: ChildProcess = spawn(command, args, { env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null || child.stdin === null) throw new Error('a peer has no pipes');
  const lines: Interface = createInterface({ input: child.stdout });
  const answers = lines[Symbol.asyncIterator]();
  const { stdin } = child;
  return {
    async ask(words) {
      stdin.write(`${words.join(' ')}\n`);
      const answer = await answers.next();
      if (answer.done === true)
        throw new Error(`${command} ended: ${child.signalCode ?? `exit code ${child.exitCode}`}`);
      const [seconds = Number.NaN, cpuSeconds = Number.NaN, score = Number.NaN] = answer.value.split(' ').map(Number);
      return { seconds, cpuSeconds, score };
    },
    stop: () => void stdin.end(),
  };
}

interface Setting {
  readonly warmOurs: Served;
  readonly warmPython: Served;
  readonly environment: NodeJS.ProcessEnv;
  readonly directory: string;
}

interface CaseResult {
  readonly metric: string;
  readonly rows: number;
  /** Seconds of every round. */
  readonly all: Readonly<Record<Peer, readonly number[]>>;
  readonly seconds: Readonly<Record<Peer, Spread>>;
  readonly cpuSeconds: Readonly<Record<Peer, Spread>>;
  readonly peakBytes: Readonly<Record<'freshOurs' | 'freshPython', number>>;
}

async function benchCase({ metric, rows, files }: Case, rounds: number, setting: Setting): Promise<CaseResult> {
  const { environment, warmOurs, warmPython } = setting;
  const words = [metric, files.answers, files.submission];
  const contestants = {
    freshOurs: async () => runFresh([process.execPath, ...scoreCommand(words)], environment, scoreOfJson),
    freshPython: async () => runFresh([python, peerScript, ...words], environment, Number),
    warmOurs: () => warmOurs.ask(words),
    warmPython: () => warmPython.ask(words),
  };
  // What does not count: a first run fills our cache of compiled sources and wakes the warm processes.
  const { freshOurs, warmOurs: ours, warmPython: theirs } = contestants;
  await inTurn(1, { freshOurs, ours, theirs });
  const measured = await inTurn(rounds, contestants);
  const peers: readonly Peer[] = ['freshOurs', 'freshPython', 'warmOurs', 'warmPython'];
  const wanted = measured.freshPython[0]?.score ?? Number.NaN;
  for (const { score } of peers.flatMap((peer) => measured[peer])) {
    if (!(Math.abs(score - wanted) <= 1e-9 * Math.max(1, Math.abs(wanted))))
      throw new Error(`${metric} over ${rows} rows: scores differ, ${score} and ${wanted}`);
  }
  const by = <Value>(of: (peer: Peer) => Value): Record<Peer, Value> => ({
    freshOurs: of('freshOurs'),
    freshPython: of('freshPython'),
    warmOurs: of('warmOurs'),
    warmPython: of('warmPython'),
  });
  const all = by((peer) => measured[peer].map((each) => each.seconds));
  const peak = (peer: Peer): number => Math.max(...measured[peer].map((each) => each.peakBytes ?? 0));
  return {
    ...{ metric, rows, all },
    seconds: by((peer) => spreadOf(all[peer])),
    cpuSeconds: by((peer) => spreadOf(measured[peer].map((each) => each.cpuSeconds))),
    peakBytes: { freshOurs: peak('freshOurs'), freshPython: peak('freshPython') },
  };
}

function scoreCommand([metric = '', answers = '', submission = '']: readonly string[]): string[] {
  return [join(root, 'evaluator-node', 'main-score.ts'), '--metric', metric, answers, submission, '-o', 'json'];
}

function scoreOfJson(stdout: string): number {
  return (JSON.parse(stdout) as { score: number }).score;
}

/** One process from its start to its end, with the peak memory that the kernel counted for it. */
function runFresh(
  command: readonly string[],
  environment: NodeJS.ProcessEnv,
  scoreOf: (stdout: string) => number,
): Measured {
  const result = spawnSync(python, [measureScript, ...command], { env: environment, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command.join(' ')} failed: ${result.stderr}`);
  const numbers = (result.stderr.trimEnd().split('\n').at(-1) ?? '').split(' ').map(Number);
  const [seconds = Number.NaN, cpuSeconds = Number.NaN, peakKib = Number.NaN] = numbers;
  return { seconds, cpuSeconds, score: scoreOf(result.stdout), peakBytes: peakKib * 1024 };
}

const shown = ({ median, low, high }: Spread): string => `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
const times = (peer: Spread, ours: Spread): number => peer.median / ours.median;

function timesCells(spreads: CaseResult['seconds']): string[] {
  return [
    shown(spreads.freshOurs),
    shown(spreads.freshPython),
    `${times(spreads.freshPython, spreads.freshOurs).toFixed(1)} ×`,
    shown(spreads.warmOurs),
    shown(spreads.warmPython),
    `${times(spreads.warmPython, spreads.warmOurs).toFixed(1)} ×`,
  ];
}

const nameOf = ({ metric, rows }: CaseResult): string => `${metric} ${rows.toExponential(0).replace('e+', 'e')}`;

function tableRow(result: CaseResult): string[] {
  const { freshOurs, freshPython } = result.peakBytes;
  return [nameOf(result), ...timesCells(result.seconds), megabytes(freshOurs), megabytes(freshPython)];
}

function report(results: readonly CaseResult[], rounds: number): BenchReport {
  const ahead = ['fresh', 'Python', 'ahead', 'warm', 'Python', 'ahead'];
  const wall = textTable([['metric, rows', ...ahead, 'peak', 'Python'], ...results.map(tableRow)]);
  const cpu = textTable([
    ['of the processor', ...ahead],
    ...results.map((each) => [nameOf(each), ...timesCells(each.cpuSeconds)]),
  ]);
  const largest = results.filter((result) => result.rows === Math.max(...rowCounts));
  const versions = [
    versionOf(python, '--version'),
    ...['pandas', 'sklearn'].map(
      (module) => `${module} ${versionOf(python, '-c', `import ${module}; print(${module}.__version__)`)}`,
    ),
  ];
  const chart = stripChart('Scoring beside Python: seconds, a dot a round, a bar at the median', results.map(stripsOf));
  const path = writeResults('scoring', { rounds, versions, results }, chart);
  const head = `${versions.join(', ')}.\nSeconds: median (range) of ${rounds} rounds; peak memory of the fresh process.\n`;
  return { text: `${head}${wall}\n${cpu}${path}\n`, broken: largest.flatMap(brokenPromises) };
}

const peerNames: Readonly<Record<Peer, string>> = {
  freshOurs: 'fresh',
  freshPython: 'fresh Python',
  warmOurs: 'warm',
  warmPython: 'warm Python',
};

function stripsOf(result: CaseResult): StripGroup {
  const strips = (Object.keys(peerNames) as Peer[]).map((peer) => {
    const { [peer]: values } = result.all;
    const series = peer === 'freshOurs' || peer === 'warmOurs' ? 1 : 0;
    return { label: peerNames[peer], values, median: result.seconds[peer].median, series };
  });
  return { title: nameOf(result), strips };
}

function brokenPromises(result: CaseResult): string[] {
  const { seconds, peakBytes } = result;
  const fresh = times(seconds.freshPython, seconds.freshOurs);
  const warm = times(seconds.warmPython, seconds.warmOurs);
  const broken = [];
  if (fresh < promised.freshTimes) broken.push(`${fresh.toFixed(1)} × a fresh Python, not ${promised.freshTimes} ×`);
  if (warm < promised.warmTimes) broken.push(`${warm.toFixed(1)} × a warm Python, not ${promised.warmTimes} ×`);
  if (peakBytes.freshOurs > promised.peakBytes) broken.push(`${megabytes(peakBytes.freshOurs)}, not 256 MB`);
  return broken.map((what) => `${nameOf(result)}: ${what}`);
}
