// Prometheus metrics of one daemon and the page that shows them. The only door to @prometheus-io/client.

import { createServer } from 'node:http';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';

type Labels = Readonly<Record<string, string>>;

export interface CounterMetric {
  /** Adds to the series of these labels; one where nothing is said. */
  add(labels?: Labels, amount?: number): void;
}

export interface GaugeMetric {
  set(value: number, labels?: Labels): void;
}

export interface HistogramMetric {
  observe(value: number, labels?: Labels): void;
}

export type Reading = number | readonly { readonly labels: Labels; readonly value: number }[];

/** Makes metrics of one prefix. */
export interface Instruments {
  /** Names are given without the prefix and with the unit last, such as `attempts_total`. */
  counter(name: string, help: string, labels?: readonly string[]): CounterMetric;
  gauge(name: string, help: string, labels?: readonly string[]): GaugeMetric;
  /** A gauge whose value is read anew for each page, or whose values are, each with its labels. */
  gaugeOf(name: string, help: string, read: () => Reading | Promise<Reading>, labels?: readonly string[]): void;
  /** Buckets are upper bounds in the metric's unit. */
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): HistogramMetric;
}

export interface Metrics extends Instruments {
  /** Of what is the same for every daemon: `doubleblind_…`. */
  readonly common: Instruments;
  /** The page in Prometheus's text format. */
  text(): Promise<string>;
}

/** From a fast call to a long clean-slate run, in seconds. */
const defaultBuckets = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800, 7200];

/** Metrics with names of `<prefix>_…`, and those of the process itself. */
export function createMetrics(prefix: string): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: `${prefix}_` });
  return {
    ...instruments(registry, prefix),
    common: instruments(registry, 'doubleblind'),
    text: () => registry.metrics(),
  };
}

function instruments(registry: Registry, prefix: string): Instruments {
  const shape = (name: string, help: string, labels: readonly string[] = []) => ({
    name: `${prefix}_${name}`,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  return {
    counter(name, help, labels) {
      const counter = new Counter(shape(name, help, labels));
      return { add: (series = {}, amount = 1) => counter.inc(series, amount) };
    },
    gauge(name, help, labels) {
      const gauge = new Gauge(shape(name, help, labels));
      return { set: (value, series = {}) => gauge.set(series, value) };
    },
    gaugeOf(name, help, read, labelNames) {
      new Gauge({
        ...shape(name, help, labelNames),
        async collect() {
          const reading = await read();
          if (typeof reading === 'number') this.set(reading);
          else for (const { labels, value } of reading) this.set(labels, value);
        },
      });
    },
    histogram(name, help, labels, buckets = defaultBuckets) {
      const histogram = new Histogram({ ...shape(name, help, labels), buckets: [...buckets] });
      return { observe: (value, series = {}) => histogram.observe(series, value) };
    },
  };
}

export interface MetricsServerOptions {
  /** 0 for any free port. A daemon whose `metricsPort` is 0 does not call this. */
  readonly port: number;
  readonly metrics: Metrics;
  /** The loopback address unless stated: metrics have no access control. */
  readonly host?: string;
}

export interface MetricsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves `/metrics` over plain HTTP. */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end('only GET /metrics is here\n');
      return;
    }
    options.metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.requestTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`cannot serve metrics on port ${options.port}; is another process using it?`, { cause })),
    );
    server.listen(options.port, options.host ?? '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
