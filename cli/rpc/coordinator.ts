// The coordinator as the verbs see it: calls in the words of core/model.ts, with deadlines, pages joined and streams that
// resume. Loaded only by verbs that need it, because gRPC takes longer to load than most verbs to run.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as wire from '../../proto/generated/doubleblind/coordinator/v1.ts';
import { backoffMs } from '../../shared/core/backoff.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import type { Input } from '../../shared/rpc/definitions.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { dateFromTimestamp } from '../../shared/rpc/timestamp.ts';
import { sha256 } from '../../shared/store/digest.ts';
import type { Place } from '../context.ts';
import type { Candidate, Host, Run, RunEvent, Task, TranscriptEntry } from '../core/model.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { decodeCandidate, decodeEvent, decodeHost, decodeRun, decodeTask } from './decode.ts';

/** Enough for a coordinator that is replaying its journal; a person waits no longer. */
const deadlineMs = 15_000;
const forkMs = 75_000;
/** A stream that broke is taken up again as long as the coordinator comes back within this time. */
const patienceMs = 60_000;
const retry = { baseMs: 200, capMs: 2000 };
const pageSize = 500;

export interface Coordinator {
  listTasks(): Promise<Task[]>;
  createRun(request: Input<wire.CreateRunRequest>): Promise<Run>;
  /** By id or unique prefix. */
  getRun(id: string): Promise<Run>;
  listRuns(limit: number): Promise<Run[]>;
  listCandidates(runId: string): Promise<Candidate[]>;
  /** By id or unique prefix. */
  getCandidate(id: string): Promise<Candidate>;
  /** Lets one go on that was held back. */
  releaseCandidate(id: string, reason: string): Promise<Candidate>;
  /** Events after a sequence number until the run has ended; survives restarts of the coordinator. */
  watchRun(runId: string, afterSequence: number, signal: AbortSignal): AsyncIterable<RunEvent>;
  transcript(candidateId: string, follow: boolean, signal: AbortSignal): AsyncIterable<TranscriptEntry>;
  pauseRun(id: string): Promise<Run>;
  resumeRun(id: string): Promise<Run>;
  steerRun(id: string, guidance: string): Promise<Run>;
  /** New totals; what is left out stays. */
  extendRun(id: string, budgets: Extension): Promise<Run>;
  cancelRun(id: string): Promise<Run>;
  deleteRun(id: string): Promise<void>;
  /** Takes longer than other calls: the evaluator records what the fork inherits. */
  forkRun(request: Input<wire.ForkRunRequest>): Promise<Run>;
  killRun(id: string, seal: boolean): Promise<Run>;
  /** The artifact's bytes, checked against the digest. */
  artifact(digest: string): Promise<Buffer>;
  finalSubmission(runId: string): Promise<Buffer>;
  listHosts(): Promise<Host[]>;
  /** By how much the coordinator's clock is ahead of ours in seconds, to within the time that the question took. */
  clockAheadSeconds(): Promise<number>;
  /** Its version; empty of one that knows no dry runs. */
  version(): Promise<string>;
  cordonHost(host: string, reason: string): Promise<Host>;
  drainHost(host: string, reason: string, deadlineSeconds: number): Promise<Host>;
  uncordonHost(host: string): Promise<Host>;
  close(): void;
}

/** Budgets that a run gets more of. */
export interface Extension {
  readonly candidates?: number | undefined;
  readonly wallSeconds?: number | undefined;
  readonly dollars?: number | undefined;
  readonly tokens?: number | undefined;
  readonly slotHours?: number | undefined;
}

interface Clients {
  readonly search: RpcClient<'doubleblind.coordinator.v1.SearchService'>;
  readonly fleet: RpcClient<'doubleblind.coordinator.v1.FleetService'>;
  readonly artifacts: RpcClient<'doubleblind.coordinator.v1.ArtifactService'>;
}

/** The operator's certificate of a place; says what to do where there is none. */
export function operatorTls(place: Pick<Place, 'pkiDirectory'>): { ca: string; certificate: string; key: string } {
  const path = (name: string): string => join(place.pkiDirectory, name);
  const tls = { ca: path('ca.crt'), certificate: path('operator.crt'), key: path('operator.key') };
  for (const file of Object.values(tls)) {
    if (!existsSync(file)) {
      throw new CliError(exitCodes.precondition, `There is no ${file}, so nothing can prove who is asking.`, [
        'In a checkout `doubleblind up` or `doubleblind pki init` makes the certificates.',
        'For a local cluster with a --state-dir of its own, name that (or set DOUBLEBLIND_STATE_DIR).',
        'For a cluster elsewhere, name the directory that holds ca.crt, operator.crt and operator.key with --pki-dir.',
      ]);
    }
  }
  return tls;
}

/** With `validateOnly` every call that would change something answers with what would be. */
export function connectCoordinator(place: Place, { validateOnly } = { validateOnly: false }): Coordinator {
  const common = { address: place.coordinator, tls: operatorTls(place), expectRole: 'coordinator' } as const;
  const clients: Clients = {
    search: createRpcClient({ service: 'doubleblind.coordinator.v1.SearchService', ...common }),
    fleet: createRpcClient({ service: 'doubleblind.coordinator.v1.FleetService', ...common }),
    artifacts: createRpcClient({ service: 'doubleblind.coordinator.v1.ArtifactService', ...common }),
  };
  return {
    ...runCalls(clients, validateOnly),
    ...candidateCalls(clients, validateOnly),
    ...fleetCalls(clients, validateOnly),
    close: () => {
      clients.search.close();
      clients.fleet.close();
      clients.artifacts.close();
    },
  };
}

function runCalls({ search }: Clients, validateOnly: boolean) {
  const run = (response: { readonly run: wire.Run | null }): Run => decodeRun(present(response.run, 'run'));
  return {
    listTasks: () =>
      pages(async (pageToken) => {
        const page = await search.listTasks({ pageSize, pageToken }, { deadlineMs });
        return [page.tasks.map(decodeTask), page.nextPageToken];
      }),
    createRun: async (request: Input<wire.CreateRunRequest>) =>
      run(await search.createRun({ ...request, validateOnly }, { deadlineMs })),
    getRun: async (runId: string) => run(await search.getRun({ runId }, { deadlineMs })),
    listRuns: (limit: number) =>
      pages(async (pageToken) => {
        const page = await search.listRuns({ pageSize: Math.min(limit, pageSize), pageToken }, { deadlineMs });
        return [page.runs.map(decodeRun), page.nextPageToken];
      }, limit),
    pauseRun: async (runId: string) => run(await search.pauseRun({ runId, validateOnly }, { deadlineMs })),
    resumeRun: async (runId: string) => run(await search.resumeRun({ runId, validateOnly }, { deadlineMs })),
    steerRun: async (runId: string, guidance: string) =>
      run(await search.steerRun({ runId, guidance, validateOnly }, { deadlineMs })),
    extendRun: async (runId: string, budgets: Extension) =>
      run(await search.extendRun({ runId, ...budgets, validateOnly }, { deadlineMs })),
    cancelRun: async (runId: string) => run(await search.cancelRun({ runId, validateOnly }, { deadlineMs })),
    forkRun: async (request: Input<wire.ForkRunRequest>) =>
      run(await search.forkRun({ ...request, validateOnly }, { deadlineMs: forkMs })),
    deleteRun: async (runId: string) => {
      await search.deleteRun({ runId, validateOnly }, { deadlineMs });
    },
    killRun: async (runId: string, seal: boolean) =>
      run(await search.killRun({ runId, seal, validateOnly }, { deadlineMs })),
    finalSubmission: (runId: string) => joined(search.getFinalSubmission({ runId }, { deadlineMs: 120_000 })),
    watchRun: (runId: string, afterSequence: number, signal: AbortSignal) =>
      resumed(signal, afterSequence, async function* (after) {
        for await (const message of search.watchRun({ runId, afterSequence: after }, { signal })) {
          const event = decodeEvent(message);
          yield [event.sequence, event] as const;
        }
      }),
  };
}

function candidateCalls({ search, artifacts }: Clients, validateOnly: boolean) {
  return {
    listCandidates: (runId: string) =>
      pages(async (pageToken) => {
        const page = await search.listCandidates({ runId, pageSize, pageToken }, { deadlineMs });
        return [page.candidates.map(decodeCandidate), page.nextPageToken];
      }),
    releaseCandidate: async (candidateId: string, reason: string) => {
      const { candidate } = await search.releaseCandidate({ candidateId, reason, validateOnly }, { deadlineMs });
      return decodeCandidate(present(candidate, 'candidate'));
    },
    getCandidate: async (candidateId: string) => {
      const { candidate } = await search.getCandidate({ candidateId }, { deadlineMs });
      return decodeCandidate(present(candidate, 'candidate'));
    },
    transcript: (candidateId: string, follow: boolean, signal: AbortSignal) =>
      resumed(signal, -1, async function* (after) {
        const request = { candidateId, fromEntry: after + 1, follow };
        for await (const message of search.watchTranscript(request, { signal })) {
          yield [message.entry, { entry: message.entry, json: message.json }] as const;
        }
      }),
    artifact: async (digest: string) => {
      const bytes = await joined(artifacts.getArtifact({ digest }, { deadlineMs: 120_000 }));
      if (sha256(bytes) !== digest) {
        throw new CliError(exitCodes.failure, `The artifact ${digest} arrived damaged; repeat the command.`);
      }
      return bytes;
    },
  };
}

function fleetCalls({ fleet }: Clients, validateOnly: boolean) {
  const host = (response: { readonly host: wire.Host | null }): Host => decodeHost(present(response.host, 'host'));
  return {
    listHosts: () =>
      pages(async (pageToken) => {
        const page = await fleet.listHosts({ pageSize, pageToken }, { deadlineMs });
        return [page.hosts.map(decodeHost), page.nextPageToken];
      }),
    clockAheadSeconds: async () => {
      const asked = Date.now();
      const { now } = await fleet.listHosts({ pageSize: 1, pageToken: '' }, { deadlineMs });
      const there = dateFromTimestamp(now)?.getTime();
      // A coordinator of an earlier version does not tell.
      return there === undefined ? 0 : (there - (asked + Date.now()) / 2) / 1000;
    },
    version: async () => (await fleet.listHosts({ pageSize: 1, pageToken: '' }, { deadlineMs })).version,
    cordonHost: async (name: string, reason: string) =>
      host(await fleet.cordonHost({ host: name, reason, validateOnly }, { deadlineMs })),
    drainHost: async (name: string, reason: string, deadlineSeconds: number) =>
      host(await fleet.drainHost({ host: name, reason, deadlineSeconds, validateOnly }, { deadlineMs })),
    uncordonHost: async (name: string) => host(await fleet.uncordonHost({ host: name, validateOnly }, { deadlineMs })),
  };
}

function present<Value>(value: Value | null, what: string): Value {
  if (value === null) throw new CliError(exitCodes.failure, `The coordinator answered without a ${what}.`);
  return value;
}

/** All pages, or as many as hold `limit` items. */
async function pages<Item>(
  ask: (pageToken: string) => Promise<readonly [readonly Item[], string]>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const items: Item[] = [];
  let token = '';
  do {
    const [page, next] = await ask(token);
    items.push(...page);
    token = next;
  } while (token !== '' && items.length < limit);
  return items.slice(0, limit);
}

async function joined(chunks: AsyncIterable<{ readonly chunk: Uint8Array }>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { chunk } of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** A stream of numbered items that is asked for again, after the last number seen, when the connection breaks. */
async function* resumed<Item>(
  signal: AbortSignal,
  start: number,
  open: (after: number) => AsyncIterable<readonly [number, Item]>,
): AsyncIterable<Item> {
  let after = start;
  let brokenSince: number | undefined;
  for (let tries = 0; ; tries += 1) {
    try {
      for await (const [number, item] of open(after)) {
        after = number;
        brokenSince = undefined;
        tries = 0;
        yield item;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      // The first answer must come at once: somebody who mistyped an address should not wait for a minute.
      const gone = error instanceof RpcFault && error.code === 'unavailable' && after !== start;
      brokenSince ??= performance.now();
      if (!gone || performance.now() - brokenSince > patienceMs) throw error;
      await pause(backoffMs(tries, retry, Math.random()), signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const wake = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', wake, { once: true });
  });
}
