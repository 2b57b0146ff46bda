// A coordinator for tests of verbs: real gRPC over real TLS, with a made-up run behind it.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as wire from '../../proto/generated/doubleblind/coordinator/v1.ts';
import type { Timestamp } from '../../proto/generated/google/protobuf.ts';
import { silentLogger } from '../../shared/log.ts';
import { createLocalPki } from '../../shared/pki/authority.ts';
import type { Input } from '../../shared/rpc/definitions.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type Handlers, implement } from '../../shared/rpc/handlers.ts';
import { startRpcServer } from '../../shared/rpc/server.ts';
import { timestampFromDate } from '../../shared/rpc/timestamp.ts';
import { failureReasonToWire, operatorToWire } from '../../shared/rpc/vocabulary-wire.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { packFiles } from '../../shared/store/tree.ts';
import type { Candidate, Run } from '../core/model.ts';
import { sampleReport, sampleTask } from './sample-run.ts';

interface StubOptions {
  readonly sealed?: boolean;
  readonly winner?: boolean;
  readonly endReason?: string;
  /** `0.1.0` unless stated; empty as of one that knows no dry runs. */
  readonly version?: string;
  /** Has pki/ already. */
  readonly stateDirectory?: string;
  /** In place of the made-up run. */
  readonly data?: { readonly run: Run; readonly candidates: readonly Candidate[] };
}

export interface StubCoordinator {
  readonly address: string;
  readonly stateDirectory: string;
  readonly run: Run;
  readonly candidates: readonly Candidate[];
  /** Requests that changed something, in order. */
  readonly requests: unknown[];
  stop(): Promise<void>;
}

function time(iso: string | null): Timestamp | null {
  return iso === null ? null : { seconds: Math.floor(Date.parse(iso) / 1000), nanos: 0 };
}

function encodeCandidate(candidate: Candidate): Input<wire.Candidate> {
  const { searchScore, ...rest } = candidate;
  return {
    ...rest,
    ...(searchScore === null ? {} : { searchScore }),
    operator: operatorToWire(candidate.operator ?? 'draft'),
    state: `CANDIDATE_STATE_${candidate.state.toUpperCase()}` as wire.CandidateState,
    failureReason: failureReasonToWire(candidate.failureReason ?? undefined),
    plannedAt: time(candidate.plannedAt),
    startedAt: time(candidate.startedAt),
    endedAt: time(candidate.endedAt),
  };
}

/** The verdict as the wire has it: optional members are absent where the model has null. */
function withoutNull(verdict: NonNullable<Run['verdict']>) {
  const { finalScore, searchWinnerValidationScore, ensemble, ...rest } = verdict;
  const told = {
    ...rest,
    ...(finalScore === null ? {} : { finalScore }),
    ...(searchWinnerValidationScore === null ? {} : { searchWinnerValidationScore }),
  };
  if (ensemble === null) return { ...told, ensemble: null };
  const { testScore, ...shares } = ensemble;
  const wired = { ...shares, members: [...shares.members], ...(testScore === null ? {} : { testScore }) };
  return { ...told, ensemble: wired };
}

function encodeRun(run: Run): Input<wire.Run> {
  return {
    ...run,
    state: `RUN_STATE_${run.state.toUpperCase()}` as wire.RunState,
    options: null,
    createdAt: time(run.createdAt),
    sealedAt: time(run.sealedAt),
    endedAt: time(run.endedAt),
    verdict:
      run.verdict === null
        ? null
        : {
            ...withoutNull(run.verdict),
            finalists: run.verdict.finalists.map(({ testScore, ...rest }) =>
              testScore === null ? rest : { ...rest, testScore },
            ),
          },
  };
}

/** Starts it; `sealed: false` gives a run without a verdict, `winner: false` one that nobody won. */
export async function startStubCoordinator(options: StubOptions = {}): Promise<StubCoordinator> {
  const stateDirectory = options.stateDirectory ?? mkdtempSync(join(tmpdir(), 'doubleblind-cli-'));
  const pki = join(stateDirectory, 'pki');
  if (options.stateDirectory === undefined) await createLocalPki(pki, 'local');
  const data =
    options.data ?? sampleReport({ candidates: options.winner === false ? 0 : 24, sealed: options.sealed ?? true });
  const run = {
    ...data.run,
    lastSequence: data.candidates.length + 1,
    ...(options.endReason === undefined ? {} : { endReason: options.endReason }),
  };
  const artifacts = await makeArtifacts();
  const candidates = data.candidates.map((candidate) => ({ ...candidate, artifacts: artifacts.of(candidate) }));
  const requests: unknown[] = [];
  const server = await startRpcServer({
    listen: '127.0.0.1:0',
    tls: { ca: join(pki, 'ca.crt'), certificate: join(pki, 'coordinator.crt'), key: join(pki, 'coordinator.key') },
    services: [
      implement('doubleblind.coordinator.v1.SearchService', searchHandlers(run, candidates, requests)),
      implement('doubleblind.coordinator.v1.FleetService', fleetHandlers(requests, options.version ?? '0.1.0')),
      implement('doubleblind.coordinator.v1.ArtifactService', artifacts.handlers),
    ],
    log: silentLogger,
  });
  return {
    address: server.address,
    stateDirectory,
    run,
    candidates,
    requests,
    stop: async () => {
      await server.stop(100);
      rmSync(stateDirectory, { recursive: true, force: true });
    },
  };
}

async function makeArtifacts() {
  const parent = await packFiles([{ path: 'main.py', bytes: Buffer.from('a = 1\nprint(a)\n'), executable: false }]);
  const child = await packFiles([{ path: 'main.py', bytes: Buffer.from('a = 2\nprint(a)\n'), executable: false }]);
  const log = Buffer.from('epoch 1\n\u001b[31mred\u001b[0m\n');
  const transcript = Buffer.from(`${transcriptLines.join('\n')}\n`);
  const store = new Map([parent, child, log, transcript].map((bytes) => [sha256(bytes) as string, bytes]));
  const handlers: Handlers<'doubleblind.coordinator.v1.ArtifactService'> = {
    putArtifact: () => Promise.reject(new RpcFault('unimplemented', 'not here')),
    putSmallArtifacts: () => Promise.reject(new RpcFault('unimplemented', 'not here')),
    getArtifact: async function* ({ digest }) {
      const bytes = store.get(digest);
      if (bytes === undefined) throw new RpcFault('notFound', `there is no artifact ${digest}`);
      yield { chunk: bytes.subarray(0, 7) };
      yield { chunk: bytes.subarray(7) };
    },
  };
  const of = (candidate: Candidate): Candidate['artifacts'] => ({
    solutionDigest: sha256(candidate.parentIds.length === 0 ? parent : child),
    submissionDigest: '',
    logDigest: candidate.state === 'failed' ? '' : sha256(log),
    transcriptDigest: sha256(transcript),
  });
  return { handlers, of };
}

const transcriptLines = [
  { kind: 'planned', elapsedSeconds: 0, operator: 'draft', slotId: 'cpu-0', seed: 7 },
  {
    kind: 'modelAnswered',
    elapsedSeconds: 1,
    turn: 1,
    content: 'First a look at the data.',
    toolCalls: [{ id: '1', name: 'bash', argumentsJson: '{"command":"ls /data"}' }],
    model: 'offline-policy',
    seconds: 0.1,
  },
  { kind: 'toolEnded', elapsedSeconds: 2, tool: 'bash', observation: 'train.csv\n[exit 0]', wallSeconds: 0.2 },
].map((entry) => JSON.stringify(entry));

function byPrefix<Item>(items: readonly Item[], idOf: (item: Item) => string, id: string, what: string): Item {
  const found = items.filter((item) => idOf(item).startsWith(id));
  const [first] = found;
  if (first === undefined || found.length !== 1) throw new RpcFault('notFound', `there is no ${what} ${id}`);
  return first;
}

interface OfRun {
  readonly runId: string;
  readonly validateOnly: boolean;
}

function searchHandlers(
  run: Run,
  candidates: readonly Candidate[],
  requests: unknown[],
): Handlers<'doubleblind.coordinator.v1.SearchService'> {
  const find = (id: string): Input<wire.Run> => encodeRun(byPrefix([run], (one) => one.runId, id, 'run'));
  const steer = (verb: string, { runId, validateOnly }: OfRun, state: Run['state']) => {
    if (!validateOnly) requests.push({ verb, runId });
    return Promise.resolve({ run: encodeRun({ ...run, state }) });
  };
  return {
    listTasks: () => Promise.resolve({ tasks: [sampleTask], nextPageToken: '' }),
    createRun: (request) => {
      if (!request.validateOnly) requests.push(request);
      const created = encodeRun({ ...run, state: 'running', verdict: null });
      return Promise.resolve({ run: { ...created, options: request.options } });
    },
    getRun: ({ runId }) => Promise.resolve().then(() => ({ run: find(runId) })),
    listRuns: () => Promise.resolve({ runs: [encodeRun(run)], nextPageToken: '' }),
    watchRun: async function* () {
      const kept = { ...run, state: 'running', verdict: null } as const;
      let sequence = 1;
      for (const candidate of candidates) {
        yield { sequence, kind: 'candidateScored', candidate: encodeCandidate(candidate), run: encodeRun(kept) };
        sequence += 1;
      }
      yield { sequence, kind: 'runSealed', run: encodeRun(run) };
    },
    listCandidates: ({ pageToken, pageSize }) => {
      // Two pages, so that joining them is tested.
      const from = pageToken === '' ? 0 : 10;
      const page = candidates.slice(from, pageToken === '' ? 10 : from + pageSize);
      return Promise.resolve({
        candidates: page.map(encodeCandidate),
        nextPageToken: pageToken === '' ? 'second' : '',
      });
    },
    getCandidate: ({ candidateId }) =>
      Promise.resolve().then(() => ({
        candidate: encodeCandidate(byPrefix(candidates, (one) => one.candidateId, candidateId, 'candidate')),
      })),
    releaseCandidate: ({ candidateId, reason, validateOnly }) =>
      Promise.resolve().then(() => {
        const found = byPrefix(candidates, (one) => one.candidateId, candidateId, 'candidate');
        if (!validateOnly) requests.push({ verb: 'release', candidateId: found.candidateId, reason });
        return {
          candidate: encodeCandidate({ ...found, state: 'scored', failureMessage: `released by me: ${reason}` }),
        };
      }),
    watchTranscript: async function* () {
      for (const [entry, json] of transcriptLines.entries()) yield { entry, json };
    },
    pauseRun: (request) => steer('pause', request, 'paused'),
    resumeRun: (request) => steer('resume', request, 'running'),
    steerRun: (request) => steer('steer', request, 'running'),
    extendRun: (request) => steer('extend', request, 'running'),
    cancelRun: (request) => steer('cancel', request, 'sealing'),
    forkRun: (request) => {
      if (!request.validateOnly) requests.push({ verb: 'fork', runId: request.runId, top: request.top });
      const forked = { ...run, state: 'running', verdict: null, forkedFrom: run.runId } as const;
      return Promise.resolve({ run: encodeRun(forked) });
    },
    deleteRun: ({ runId, validateOnly }) => {
      if (!validateOnly) requests.push({ verb: 'rm', runId });
      return Promise.resolve({});
    },
    killRun: (request) => steer(request.seal ? 'kill --seal' : 'kill', request, request.seal ? 'sealing' : 'killed'),
    getFinalSubmission: async function* () {
      yield { chunk: Buffer.from('id,0\n1,') };
      yield { chunk: Buffer.from('0.5\n') };
    },
  };
}

function fleetHandlers(requests: unknown[], version: string): Handlers<'doubleblind.coordinator.v1.FleetService'> {
  let draining = false;
  const host = (state: wire.HostState, reason = ''): Input<wire.Host> => ({
    host: 'local',
    address: '127.0.0.1:7442',
    state,
    reason,
    slots: [{ slotId: 'cpu-0', kind: 'SLOT_KIND_CPU', capacity: 1, health: 'healthy', attempts: [] }],
    version: '0.1.0',
    heartbeatAgeSeconds: 0.4,
  });
  return {
    listHosts: () => {
      const state = draining ? 'HOST_STATE_DRAINED' : 'HOST_STATE_READY';
      return Promise.resolve({ hosts: [host(state)], nextPageToken: '', now: timestampFromDate(new Date()), version });
    },
    cordonHost: (request) => {
      if (!request.validateOnly) requests.push(request);
      return Promise.resolve({ host: host('HOST_STATE_CORDONED', request.reason) });
    },
    drainHost(request) {
      if (!request.validateOnly) requests.push(request);
      draining = !request.validateOnly;
      return Promise.resolve({ host: { ...host('HOST_STATE_DRAINING', request.reason), by: 'operator' } });
    },
    uncordonHost: (request) => {
      if (!request.validateOnly) requests.push(request);
      return Promise.resolve({ host: host('HOST_STATE_READY') });
    },
  };
}
