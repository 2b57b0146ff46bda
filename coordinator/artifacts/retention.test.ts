import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { type Digest, runId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { type ArtifactDirectory, openArtifactDirectory } from '../../shared/store/artifacts.ts';
import { createRun, joinHost, leased, type Machine, newMachine, task } from '../core/machine.test-support.ts';
import { startRetention } from './retention.ts';

const id = runId('digits-aaaaaa');
const old = new Date(Date.now() - 40 * 86_400_000);
let directory: string;
let artifacts: ArtifactDirectory;
let machine: Machine;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-retention-'));
  artifacts = await openArtifactDirectory(directory);
  machine = newMachine();
  joinHost(machine);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function stored(text: string, at = old): Promise<Digest> {
  const { digest } = await artifacts.put(Buffer.from(text));
  utimesSync(artifacts.pathOf(digest), at, at);
  return digest;
}

/** A run whose only attempt ended with that solution, killed; the machine's clock stands in November 2023. */
function endedRun(name: string, solution: Digest, bundleDigest = task.bundleDigest): void {
  createRun(machine, { candidates: 1 }, name);
  const attempt = leased(machine).find((one) => one.runId === name);
  if (attempt?.host === undefined) throw new Error('nothing runs');
  const about = { runId: attempt.runId, attemptId: attempt.id, epoch: attempt.epoch, host: attempt.host };
  const usage = attempt.usage;
  const end = { artifacts: { solution }, usage, runSeconds: 1, note: '', failureReason: 'gaveUp' } as const;
  machine.take({ kind: 'attemptEnded', ...about, ...end });
  machine.take({ kind: 'runKilled', runId: runId(name), seal: false });
  const run = machine.state.runs.get(runId(name));
  if (run !== undefined) Object.assign(run, { task: { ...run.task, bundleDigest } });
}

function retention(runDays: number) {
  const post = (event: Parameters<Machine['take']>[0]) => {
    machine.take(event);
    return Promise.resolve(true);
  };
  const actor = { state: machine.state, post };
  const started = startRetention({
    actor,
    artifacts,
    clock: systemClock,
    log: silentLogger,
    runDays,
    artifactHours: 24,
  });
  started.stop();
  return started;
}

test('artifacts of a deleted run go, and those that another run points to stay', async () => {
  const [own, shared, bundle] = [await stored('own'), await stored('shared'), await stored('bundle')];
  endedRun('digits-aaaaaa', own, bundle);
  endedRun('digits-bbbbbb', shared);
  endedRun('digits-cccccc', shared, bundle);
  const { round } = retention(0);
  await round();
  await round();
  expect((await artifacts.list()).length).toBe(3);
  for (const name of ['digits-aaaaaa', 'digits-bbbbbb']) machine.take({ kind: 'runDeleted', runId: runId(name) });
  expect(new Set([...machine.state.attempts.values()].map((attempt) => String(attempt.runId)))).toEqual(
    new Set(['digits-cccccc']),
  );
  await round();
  await round();
  expect(new Set(await artifacts.list())).toEqual(new Set([shared, bundle]));
});

test('a run goes so many days after its end, its artifacts two rounds later; without a number nothing goes', async () => {
  const own = await stored('own');
  endedRun('digits-aaaaaa', own);
  expect(await retention(0).round()).toEqual({ runs: 0, artifacts: 0 });
  const { round } = retention(30);
  expect(await round()).toEqual({ runs: 1, artifacts: 0 });
  expect(machine.state.runs.size).toBe(0);
  expect([await round(), await round()].map(({ artifacts: removed }) => removed)).toEqual([0, 1]);
});

test('what was stored of late, or since an attempt that goes on was planned, stays though nothing points to it', async () => {
  const fresh = await stored('fresh', new Date());
  const before = await stored('before');
  const { round } = retention(0);
  createRun(machine);
  const planned = leased(machine)[0]?.plannedAt ?? 0;
  const since = await stored('since', new Date(planned + 1000));
  await stored('earlier', new Date(planned - 1000));
  utimesSync(artifacts.pathOf(before), new Date(planned - 1), new Date(planned - 1));
  await round();
  await round();
  expect(new Set(await artifacts.list())).toEqual(new Set([fresh, since]));
});

test('bytes that are stored again are as if they were new', async () => {
  const digest = await stored('again');
  const { round } = retention(0);
  await round();
  expect((await artifacts.put(Buffer.from('again'))).alreadyStored).toBe(true);
  await round();
  expect(await artifacts.list()).toEqual([digest]);
});

test('a run that goes on is not deleted', () => {
  createRun(machine);
  const events = machine.journal.length;
  machine.take({ kind: 'runDeleted', runId: id });
  expect(machine.journal.length).toBe(events);
});
