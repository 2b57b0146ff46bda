// A dashboard over handlers that answer from tables, for its tests: no cluster is needed to show a page.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { openArtifactDirectory } from '../../shared/store/artifacts.ts';
import { packFiles } from '../../shared/store/tree.ts';
import type { DashboardSources } from './api.ts';
import { application } from './application.ts';
import { intentHeader } from './guard.ts';

type Search = DashboardSources['search'];
type WireRun = NonNullable<Awaited<ReturnType<Search['getRun']>>['run']>;
type TestRun = { -readonly [Member in keyof WireRun]: WireRun[Member] };
type WireCandidate = NonNullable<Awaited<ReturnType<Search['getCandidate']>>['candidate']>;
type WatchEvent = ReturnType<Search['watchRun']> extends AsyncIterable<infer Event> ? Event : never;

/** Text that would run in a page that trusted it. */
export const hostile = `"><img src=x onerror="document.title='owned'"><script>document.title='owned'</script>{{7*7}}`;

export interface TestSources {
  readonly sources: DashboardSources;
  readonly run: TestRun;
  readonly candidates: WireCandidate[];
  /** What watchers of the run are told, and those to come. */
  tell(event: WatchEvent): void;
  /** Every change that was asked for. */
  readonly changes: string[];
  /** Place from which each watcher went on. */
  readonly watchedFrom: number[];
  remove(): Promise<void>;
}

/** Ten hours ago. */
const started = Math.floor(Date.now() / 1000) - 36_000;

/** A run with `count` candidates; each fifth failed, each ninth crosses two over. */
export async function createSources(count: number): Promise<TestSources> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-dashboard-'));
  const artifacts = await openArtifactDirectory(directory);
  const main = (text: string) => packFiles([{ path: 'main.py', bytes: Buffer.from(text), executable: false }]);
  const solutions = [
    (await artifacts.put(await main('import numpy\n\nSEED = 1\nprint("draft")\n'))).digest,
    (await artifacts.put(await main(`import numpy\n\nSEED = 2  # ${hostile}\nprint("draft")\n`))).digest,
  ];
  const logDigest = (await artifacts.put(Buffer.from(`epoch 1\n${hostile}\n`))).digest;
  const candidates = Array.from({ length: count }, (_, index) =>
    testCandidate(index + 1, solutions[index % 2] ?? '', logDigest),
  );
  const run: TestRun = testRun(candidates);
  const log: WatchEvent[] = [];
  const changes: string[] = [];
  const watchedFrom: number[] = [];
  let wake = Promise.withResolvers<void>();
  const steer = async ({ runId }: { runId: string }, change: string, state: WireRun['state']) => {
    changes.push(`${change} ${runId}`);
    run.state = state;
    return await Promise.resolve({ run });
  };
  const search: Search = {
    getRun: async ({ runId }) => await Promise.resolve({ run: known(runId === run.runId ? run : undefined) }),
    listRuns: async () => await Promise.resolve({ runs: [run] }),
    async *watchRun({ afterSequence }, { signal }) {
      watchedFrom.push(afterSequence);
      for (let next = 0; !signal.aborted; ) {
        const more = wake.promise;
        for (; next < log.length; next += 1) {
          const event = log[next];
          if (event !== undefined && (event.sequence ?? 0) > afterSequence) yield event;
          if (event?.kind === 'runSealed') return;
        }
        await more;
      }
    },
    async listCandidates({ pageSize, pageToken }) {
      const from = Number(pageToken);
      const to = from + (pageSize === 0 ? 100 : pageSize);
      const nextPageToken = to < candidates.length ? String(to) : '';
      return await Promise.resolve({ candidates: candidates.slice(from, to), nextPageToken });
    },
    getCandidate: async ({ candidateId }) =>
      await Promise.resolve({ candidate: known(candidates.find((it) => it.candidateId === candidateId)) }),
    releaseCandidate: async ({ candidateId, reason }) => {
      changes.push(`release ${candidateId} ${reason}`);
      return await Promise.resolve({ candidate: known(candidates.find((it) => it.candidateId === candidateId)) });
    },
    async *watchTranscript({ fromEntry }) {
      for (const [entry, json] of transcript().entries()) if (entry >= fromEntry) yield { entry, json };
    },
    pauseRun: async (request) => await steer(request, 'pause', 'RUN_STATE_PAUSED'),
    resumeRun: async (request) => await steer(request, 'resume', 'RUN_STATE_RUNNING'),
    steerRun: async ({ runId, guidance }) =>
      await steer({ runId: `${runId} ${guidance}` }, 'steer', 'RUN_STATE_RUNNING'),
    extendRun: async (request) => await steer(request, 'extend', 'RUN_STATE_RUNNING'),
    cancelRun: async (request) => await steer(request, 'cancel', 'RUN_STATE_SEALING'),
    killRun: async (request) => await steer(request, 'kill', 'RUN_STATE_KILLED'),
    async *getFinalSubmission() {},
  };
  return {
    sources: { search, fleet: testFleet(), artifacts, listLedger: async () => await Promise.resolve({ records: [] }) },
    ...{ run, candidates, changes, watchedFrom },
    tell(event) {
      log.push(event);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

function known<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new RpcFault('notFound', 'there is no such thing', { reason: 'unknownRun' });
  return value;
}

function testRun(candidates: readonly WireCandidate[]): WireRun {
  const scored = candidates.filter((it) => it.searchScore !== undefined);
  const best = scored.reduce<WireCandidate | undefined>(
    (leader, it) => ((it.searchScore ?? 0) < (leader?.searchScore ?? Number.POSITIVE_INFINITY) ? it : leader),
    undefined,
  );
  return {
    runId: 'digits-0001',
    task: 'digits',
    state: 'RUN_STATE_RUNNING',
    options: { candidates: 2 * candidates.length, wallSeconds: 86_400, seed: 7 },
    createdAt: { seconds: started, nanos: 0 },
    attemptsPlanned: candidates.length,
    attemptsRunning: 0,
    candidatesScored: scored.length,
    attemptsFailed: candidates.length - scored.length,
    bestCandidateId: best?.candidateId ?? '',
    bestSearchScore: best?.searchScore ?? 0,
    usage: { slotSeconds: 3600, turns: 12, inputTokens: 120_000, outputTokens: 8000, dollars: 1.5 },
    taskInfo: { name: 'digits', title: `Digits ${hostile}`, metric: 'log-loss', lowerIsBetter: true },
    lastSequence: 10,
    elapsedSeconds: 3600,
    // As the wire has it while there is none.
    verdict: null,
  };
}

/** Scores fall with the number, with noise that is the same at every call. */
export function testCandidate(number: number, solutionDigest: string, logDigest: string): WireCandidate {
  const noise = ((number * 7919) % 1000) / 1000;
  const failed = number % 5 === 0;
  const id = (of: number) => `digits-0001-${String(of).padStart(5, '0')}`;
  const parent = Math.max(1, Math.floor(number * (0.35 + 0.6 * noise)));
  const parentIds = number < 8 ? [] : number % 9 === 0 ? [id(parent), id(Math.max(1, parent - 3))] : [id(parent)];
  const begin = started + number * 3;
  return {
    candidateId: id(number),
    runId: 'digits-0001',
    number,
    operator: number < 8 ? 'OPERATOR_DRAFT' : number % 9 === 0 ? 'OPERATOR_CROSSOVER' : 'OPERATOR_MUTATE',
    parentIds,
    state: failed ? 'CANDIDATE_STATE_FAILED' : 'CANDIDATE_STATE_SCORED',
    ...(failed ? {} : { searchScore: 0.1 + 0.5 / Math.sqrt(number) + 0.2 * noise * noise, standardError: 0.01 }),
    failureReason: failed ? 'FAILURE_REASON_TIMEOUT' : 'FAILURE_REASON_UNSPECIFIED',
    failureMessage: failed ? `it ran out of time ${hostile}` : '',
    host: 'alpha',
    slotId: `cpu-${number % 8}`,
    epoch: number,
    artifacts: { solutionDigest, logDigest },
    usage: { wallSeconds: 40, peakMemoryBytes: 2 ** 28, turns: 6, outputTokens: 900, inputTokens: 9000 },
    runSeconds: 12,
    note: `boost number ${number} ${hostile}`,
    plannedAt: { seconds: begin, nanos: 0 },
    startedAt: { seconds: begin, nanos: 0 },
    endedAt: { seconds: begin + 45, nanos: 0 },
    wasBest: number === 1,
  };
}

function transcript(): string[] {
  return [
    { kind: 'planned', elapsedSeconds: 0, operator: 'draft', slotId: 'cpu-0', seed: 1, model: hostile },
    {
      kind: 'modelAnswered',
      elapsedSeconds: 1,
      turn: 1,
      content: hostile,
      model: 'offline-policy',
      seconds: 1,
      toolCalls: [],
    },
    { kind: 'toolEnded', elapsedSeconds: 2, tool: 'bash', observation: hostile, wallSeconds: 1 },
  ].map((entry) => JSON.stringify(entry));
}

function testFleet(): DashboardSources['fleet'] {
  const slot = { kind: 'SLOT_KIND_CPU', capacity: 2, health: 'warning', healthReason: hostile } as const;
  const attempts = [{ runId: 'digits-0001', attemptId: 'digits-0001-00001', epoch: 3 }];
  const host = { host: 'alpha', address: 'alpha:7442', state: 'HOST_STATE_CORDONED', reason: hostile } as const;
  return {
    listHosts: async () =>
      await Promise.resolve({
        hosts: [{ ...host, heartbeatAgeSeconds: 0.4, slots: [{ ...slot, slotId: 'cpu-0', attempts }] }],
      }),
  };
}

export const here = 'http://127.0.0.1:7440';
/** Headers of a change that a page of ours asks for. */
export const intent = { [intentHeader]: '1', origin: here, host: '127.0.0.1:7440', 'sec-fetch-site': 'same-origin' };

/** The application over these sources; on loopback where it has no token. */
export function openApplication({ sources }: TestSources, token?: string, now = 1000): ReturnType<typeof application> {
  const loopback = token === undefined;
  return application({ sources, loopback, token, secure: !loopback, now: () => now, log: silentLogger });
}

export type Asker = (path: string, headers?: Record<string, string>, method?: string) => Promise<Response>;

/** Asks an application on loopback, as a browser on this machine would. */
export function asking(open: ReturnType<typeof application>): Asker {
  return async (path, headers = {}, method = 'GET') =>
    await open.request(`${here}${path}`, { method, headers: { host: '127.0.0.1:7440', ...headers } });
}
