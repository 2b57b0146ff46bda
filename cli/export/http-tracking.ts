// MLflow's REST API, version 2.0, as far as an export needs it.

import { CliError, causedBy, exitCodes } from '../exit-codes.ts';
import type { Batch, Tracking } from './mlflow.ts';

/** A server that does not answer for so long is away. */
const deadlineMs = 30_000;
/** MLflow's own limits of one batch. */
const most = { metrics: 1000, params: 100, tags: 100 };
const pageSize = 1000;

export interface HttpTrackingOptions {
  /** Such as http://127.0.0.1:5000, without `/api`. */
  readonly url: string;
  /** Sent as a bearer token where it is set. */
  readonly token?: string | undefined;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** An MLflow server over HTTP; every failure is an error that names the server. */
export function httpTracking(options: HttpTrackingOptions): Tracking {
  const call = (path: string, body: unknown): Promise<Answer> => request(options, path, body);
  const must = async (path: string, body: unknown): Promise<Answer['body']> => {
    const answer = await call(path, body);
    if (answer.status !== 200) throw refused(options.url, path, answer);
    return answer.body;
  };
  return {
    async experiment(name) {
      const path = 'experiments/search';
      const filter = `name = '${name.replaceAll("'", "''")}'`;
      const found = await must(path, { filter, max_results: 1 });
      const id = textAt(first(found['experiments']), 'experiment_id');
      if (id !== '') return id;
      return textAt(await must('experiments/create', { name }), 'experiment_id');
    },
    async runsByTag(experimentId, tag, parent) {
      const filter = parent === undefined ? `tags.\`${tag}\` != ''` : `tags.\`mlflow.parentRunId\` = '${parent}'`;
      const runs = new Map<string, string>();
      let pageToken = '';
      do {
        const query = { experiment_ids: [experimentId], filter, max_results: pageSize };
        const page = await must('runs/search', pageToken === '' ? query : { ...query, page_token: pageToken });
        for (const run of listAt(page, 'runs')) {
          const value = listAt(objectAt(run, 'data'), 'tags').find((one) => textAt(one, 'key') === tag);
          if (value !== undefined) runs.set(textAt(value, 'value'), textAt(objectAt(run, 'info'), 'run_id'));
        }
        pageToken = textAt(page, 'next_page_token');
      } while (pageToken !== '');
      return runs;
    },
    async createRun({ experimentId, name, startTime, tags }) {
      const body = { experiment_id: experimentId, run_name: name, start_time: startTime, tags: pairs(tags) };
      return textAt(objectAt(objectAt(await must('runs/create', body), 'run'), 'info'), 'run_id');
    },
    async log(runId, batch) {
      for (const part of batches(batch)) await must('runs/log-batch', { run_id: runId, ...part });
    },
    async end(runId, status, endTime) {
      await must('runs/update', { run_id: runId, status, ...(endTime === undefined ? {} : { end_time: endTime }) });
    },
  };
}

async function request({ url, token, signal }: HttpTrackingOptions, path: string, body: unknown): Promise<Answer> {
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/api/2.0/mlflow/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
    });
    const text = await response.text();
    const value: unknown = text.startsWith('{') ? JSON.parse(text) : {};
    return { status: response.status, body: value as Answer['body'] };
  } catch (error) {
    if (signal.aborted) throw error;
    throw causedBy(error, exitCodes.unavailable, `The MLflow server at ${url} does not answer.`, [
      'The run itself is not touched by this; export it again when the server is back.',
    ]);
  }
}

function refused(url: string, path: string, { status, body }: Answer): CliError {
  const said = textAt(body, 'message').slice(0, 300);
  const code = status === 401 || status === 403 ? exitCodes.denied : exitCodes.failure;
  return new CliError(
    code,
    `The MLflow server at ${url} refused ${path} (HTTP ${status})${said === '' ? '' : `: ${said}`}`,
  );
}

/** In pieces that MLflow takes. */
function batches({ metrics, params, tags }: Batch): object[] {
  const [allParams, allTags] = [pairs(params), pairs(tags)];
  const count = Math.max(
    1,
    ...[metrics.length / most.metrics, allParams.length / most.params, allTags.length / most.tags].map(Math.ceil),
  );
  return Array.from({ length: count }, (_, index) => ({
    metrics: metrics.slice(index * most.metrics, (index + 1) * most.metrics),
    params: allParams.slice(index * most.params, (index + 1) * most.params),
    tags: allTags.slice(index * most.tags, (index + 1) * most.tags),
  }));
}

function pairs(values: Readonly<Record<string, string>>): { key: string; value: string }[] {
  return Object.entries(values).map(([key, value]) => ({ key, value }));
}

// What a server answers is not trusted to have a shape.

function objectAt(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function listAt(value: unknown, name: string): readonly unknown[] {
  const list = objectAt(value, name);
  return Array.isArray(list) ? list : [];
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}

function textAt(value: unknown, name: string): string {
  const text = objectAt(value, name);
  return typeof text === 'string' ? text : '';
}
