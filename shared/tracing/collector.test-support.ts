// A collector of spans on this machine that keeps what it takes, in the shape of OTLP's JSON.

import { createServer } from 'node:http';

export interface CollectedSpan {
  /** Who made it. */
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly status: { readonly code?: number; readonly message?: string };
}

export interface Collector {
  readonly endpoint: string;
  readonly spans: CollectedSpan[];
  /** Method, path and type of each request. */
  readonly requests: string[];
  /** What it answers with; it keeps only what it answers with 200. */
  status: number;
  stop(): Promise<void>;
}

/** An ExportTraceServiceRequest, as far as it is read. */
interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<CollectedSpan, 'service'>[] }[];
  }[];
}

export async function startCollector(): Promise<Collector> {
  const kept = { spans: [] as CollectedSpan[], requests: [] as string[], status: 200 };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += String(chunk);
    });
    request.on('end', () => {
      kept.requests.push(`${request.method} ${request.url} ${request.headers['content-type']}`);
      const spans = (JSON.parse(text) as Body).resourceSpans.flatMap(({ resource, scopeSpans }) => {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        return scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })));
      });
      if (kept.status === 200) kept.spans.push(...spans);
      response.writeHead(kept.status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(kept, {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
