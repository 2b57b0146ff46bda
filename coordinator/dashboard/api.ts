// The HTTP API: the handlers of SearchService and FleetService under paths, answered in protobuf's JSON. It has no view of
// the state of its own; what it adds is files of candidates, the ledger and server-sent events.

import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { type Digest, digest, isDigest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { CallContext } from '../../shared/rpc/handlers.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import type { FleetHandlers } from '../rpc/fleet-service.ts';
import type { SearchHandlers } from '../rpc/search-service.ts';
import { logText, solutionFiles } from './candidate-files.ts';
import { type EventStreams, newEventStreams, type StreamEvent } from './event-stream.ts';
import { toJson } from './json.ts';

/** Where the API gets everything from. */
export interface DashboardSources {
  readonly search: Omit<SearchHandlers, 'createRun' | 'forkRun' | 'deleteRun' | 'listTasks'>;
  readonly fleet: Pick<FleetHandlers, 'listHosts'>;
  readonly artifacts: ArtifactDirectory;
  /** A page of the evaluator's ledger. */
  readonly listLedger: (runId: string, pageSize: number, pageToken: string) => Promise<unknown>;
}

/** A table row has room for so much of a note. */
const briefNote = 160;

export function api(sources: DashboardSources): Hono {
  const routes = new Hono();
  const streams = newEventStreams();
  addRuns(routes, sources, streams);
  addCandidates(routes, sources, streams);
  routes.get('/hosts', async (context) => json(context, await sources.fleet.listHosts(pageOf(context), call(context))));
  routes.get('/ledger', async (context) => {
    const { pageSize, pageToken } = pageOf(context);
    return json(context, await sources.listLedger(context.req.query('run') ?? '', pageSize, pageToken));
  });
  return routes;
}

function addRuns(routes: Hono, { search }: DashboardSources, streams: EventStreams): void {
  const runId = (context: Context): string => context.req.param('run') ?? '';
  /** People press a button to have it done. */
  const aboutRun = (context: Context) => ({ runId: runId(context), validateOnly: false });
  routes.get('/runs', async (context) => json(context, await search.listRuns(pageOf(context), call(context))));
  routes.get('/runs/:run', async (context) =>
    json(context, await search.getRun({ runId: runId(context) }, call(context))),
  );
  routes.get('/runs/:run/candidates', async (context) => {
    const request = { runId: runId(context), ...pageOf(context) };
    const { candidates = [], nextPageToken } = await search.listCandidates(request, call(context));
    const brief = context.req.query('view') === 'list';
    const shown = brief ? candidates.map((it) => ({ ...it, note: (it.note ?? '').slice(0, briefNote) })) : candidates;
    return json(context, { candidates: shown, nextPageToken });
  });
  routes.get('/runs/:run/events', async (context) => {
    const request = { runId: runId(context), afterSequence: resumeAt(context) ?? 0 };
    await search.getRun(request, call(context));
    return streams.answer(context, (signal) =>
      eventsOf(search.watchRun(request, { ...call(context), signal }), ({ sequence = 0 }) => sequence),
    );
  });
  routes.post('/runs/:run/pause', async (context) =>
    json(context, await search.pauseRun(aboutRun(context), call(context))),
  );
  routes.post('/runs/:run/resume', async (context) =>
    json(context, await search.resumeRun(aboutRun(context), call(context))),
  );
  routes.post('/runs/:run/cancel', async (context) =>
    json(context, await search.cancelRun(aboutRun(context), call(context))),
  );
  routes.post('/runs/:run/kill', async (context) =>
    json(context, await search.killRun({ ...aboutRun(context), seal: false }, call(context))),
  );
  routes.post('/runs/:run/steer', async (context) => {
    const guidance = await textOf(context, 'guidance');
    return json(context, await search.steerRun({ ...aboutRun(context), guidance }, call(context)));
  });
}

function addCandidates(routes: Hono, { search, artifacts }: DashboardSources, streams: EventStreams): void {
  const read = async (context: Context) =>
    await search.getCandidate({ candidateId: context.req.param('candidate') ?? '' }, call(context));
  const digestsOf = async (context: Context) => (await read(context)).candidate?.artifacts ?? {};
  routes.get('/candidates/:candidate', async (context) => json(context, await read(context)));
  routes.post('/candidates/:candidate/release', async (context) => {
    const reason = await textOf(context, 'reason');
    const request = { candidateId: context.req.param('candidate'), reason, validateOnly: false };
    return json(context, await search.releaseCandidate(request, call(context)));
  });
  routes.get('/candidates/:candidate/files', async (context) => {
    const { solutionDigest } = await digestsOf(context);
    return json(context, { files: await solutionFiles(artifacts, digestOrNone(solutionDigest)) });
  });
  routes.get('/candidates/:candidate/log', async (context) => {
    const { logDigest } = await digestsOf(context);
    return json(context, await logText(artifacts, digestOrNone(logDigest)));
  });
  routes.get('/candidates/:candidate/transcript', async (context) => {
    const last = resumeAt(context);
    const candidateId = (await read(context)).candidate?.candidateId ?? '';
    const request = { candidateId, fromEntry: last === undefined ? 0 : last + 1, follow: true };
    return streams.answer(context, (signal) =>
      eventsOf(search.watchTranscript(request, { ...call(context), signal }), ({ entry = 0 }) => entry),
    );
  });
}

async function* eventsOf<Message>(
  messages: AsyncIterable<Message>,
  placeOf: (message: Message) => number,
): AsyncGenerator<StreamEvent> {
  for await (const message of messages) yield { id: String(placeOf(message)), data: message };
}

/** The last event that the reader has, from the header of a reconnect or from the first request's query. */
function resumeAt(context: Context): number | undefined {
  const text = context.req.header('last-event-id') ?? context.req.query('after');
  return text === undefined || text === '' ? undefined : wholeNumber(text, 'after');
}

/** A text of the body, which is JSON. */
async function textOf(context: Context, field: string): Promise<string> {
  const body = z.record(z.string(), z.unknown()).safeParse(await context.req.json().catch(() => undefined));
  const text = z.string().safeParse(body.data?.[field]);
  if (text.success) return text.data;
  const description = 'must be a text in a JSON body';
  throw new RpcFault('invalidArgument', `${field} ${description}`, { violations: [{ field, description }] });
}

function pageOf(context: Context): { readonly pageSize: number; readonly pageToken: string } {
  const { pageSize = '0', pageToken = '' } = context.req.query();
  return { pageSize: wholeNumber(pageSize, 'pageSize'), pageToken };
}

function wholeNumber(text: string, field: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const description = 'must be a whole number';
  throw new RpcFault('invalidArgument', `${field} ${description}`, { violations: [{ field, description }] });
}

function digestOrNone(text: string | undefined): Digest | undefined {
  return text !== undefined && isDigest(text) ? digest(text) : undefined;
}

/** Whoever is let in by guard.ts acts as an operator. */
function call(context: Context): CallContext {
  const { signal } = context.req.raw;
  return { identity: { role: 'operator', name: 'dashboard' }, signal, method: context.req.path };
}

function json(context: Context, message: unknown): Response {
  return context.body(toJson(message), 200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
}
