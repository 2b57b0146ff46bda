// Who may import whom (ARCHITECTURE.md, "The rules"). Reads every source through dependency-cruiser and checks the edges
// against a list of plain rules, so that a broken rule prints the two files and the sentence it breaks.

import { cruise, type ICruiseResult, type IModule } from 'dependency-cruiser';
import { beforeAll, expect, test } from 'vitest';

const daemons = ['coordinator', 'gpu-agent', 'evaluator-node', 'llm-gateway'];
const rooms = [...daemons, 'shared', 'proto', 'cli', 'deploy', 'test', 'bench'];

/** The one place that may touch each vendor's package. */
const doors: Record<string, RegExp> = {
  // The raw gRPC dispatcher is a peer of ours, so it has nothing of ours.
  '@grpc/grpc-js': /^(shared\/rpc\/|bench\/dispatch\/)/,
  '@grpc/proto-loader': /^(shared\/rpc|proto)\//,
  '@grpc/reflection': /^shared\/rpc\//,
  'grpc-health-check': /^shared\/rpc\//,
  nats: /^shared\/bus\//,
  'node:sqlite': /^shared\/store\//,
  pino: /^shared\/log\.ts$/,
  dockerode: /^shared\/sandbox\/docker-engine\.ts$/,
  openai: /^llm-gateway\/upstream\//,
  'tar-stream': /^shared\/store\//,
  'csv-parse': /^evaluator-node\/import\//,
  hyparquet: /^evaluator-node\/import\/main-parquet\.ts$/,
  'hyparquet-compressors': /^evaluator-node\/import\/main-parquet\.ts$/,
  commander: /^cli\//,
  hono: /^coordinator\/dashboard\//,
  '@hono/node-server': /^coordinator\/dashboard\//,
  'cli-table3': /^cli\//,
  '@peculiar/x509': /^shared\/pki\//,
  '@prometheus-io/client': /^shared\/metrics\.ts$/,
};

interface Edge {
  readonly from: string;
  readonly to: string;
}

let modules: IModule[] = [];
let edges: Edge[] = [];

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.startsWith('test/');
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? '';
}

function packageOf(to: string): string {
  const path = to.replace(/^.*node_modules\//, '');
  const parts = path.split('/');
  return path.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

beforeAll(async () => {
  const existing = (await import('node:fs')).readdirSync('.').filter((name) => rooms.includes(name));
  const { output } = await cruise(existing, {
    exclude: { path: ['node_modules/.*/node_modules'] },
    doNotFollow: { path: ['node_modules'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  });
  modules = (output as ICruiseResult).modules.filter(
    (module) => module.source.endsWith('.ts') && !module.source.includes('node_modules'),
  );
  edges = modules.flatMap((module) =>
    module.dependencies.map((dependency) => ({
      from: module.source,
      to: dependency.coreModule ? `node:${dependency.module.replace(/^node:/, '')}` : dependency.resolved,
    })),
  );
}, 120_000);

function broken(rule: (edge: Edge) => boolean): string[] {
  return edges.filter(rule).map(({ from, to }) => `${from} → ${to}`);
}

test('the checker really looked: it saw every daemon, and hundreds of edges', () => {
  for (const daemon of daemons)
    expect(modules.filter((module) => roomOf(module.source) === daemon).length).toBeGreaterThan(8);
  expect(modules.length).toBeGreaterThan(120);
  expect(edges.length).toBeGreaterThan(400);
  expect(edges.some(({ to }) => to === 'node:sqlite')).toBe(true);
  expect(edges.some(({ to }) => packageOf(to) === '@grpc/grpc-js')).toBe(true);
});

test('there are no cycles', () => {
  const graph = new Map(
    modules.map((module) => [module.source, module.dependencies.map((dependency) => dependency.resolved)]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

test('a daemon never imports another daemon, not even a type', () => {
  expect(
    broken(
      ({ from, to }) => daemons.includes(roomOf(from)) && daemons.includes(roomOf(to)) && roomOf(from) !== roomOf(to),
    ),
  ).toEqual([]);
});

test('shared and proto import no daemon, and the command line imports none either: it speaks gRPC or starts processes', () => {
  const outside = ['shared', 'proto', 'cli'];
  expect(
    broken(({ from, to }) => outside.includes(roomOf(from)) && daemons.includes(roomOf(to)) && !isTest(from)),
  ).toEqual([]);
});

test('a core is pure: it imports its own core and shared/core only', () => {
  const core = /^([^/]+)\/core\//;
  const impure = ({ from, to }: Edge): boolean => {
    const own = core.exec(from)?.[1];
    if (own === undefined || isTest(from)) return false;
    return !(to.startsWith(`${own}/core/`) || to.startsWith('shared/core/'));
  };
  expect(broken(impure)).toEqual([]);
});

test('each vendor has one door', () => {
  const aroundTheDoor = ({ from, to }: Edge): boolean => {
    if (isTest(from)) return false;
    const name = to.startsWith('node:') ? to : packageOf(to);
    const door = to.startsWith('node:') || to.includes('node_modules') ? doors[name] : undefined;
    return door !== undefined && !door.test(from);
  };
  expect(broken(aroundTheDoor)).toEqual([]);
});

test('wire types stop at the edge', () => {
  const edge = /^(shared\/rpc|proto|cli)\/|\/(rpc|fleet|clients|model|artifacts|evaluation|gateway)\//;
  expect(broken(({ from, to }) => to.startsWith('proto/generated/') && !edge.test(from) && !isTest(from))).toEqual([]);
});

test('the vault, the only room that reads labels, is seen by the evaluator and its import alone', () => {
  const mayLook = /^evaluator-node\/(vault\/|import\/|evaluator\.ts$|main-task\.ts$|testing\/)/;
  expect(
    broken(({ from, to }) => to.startsWith('evaluator-node/vault/') && !mayLook.test(from) && !isTest(from)),
  ).toEqual([]);
});

test('fakes are for tests and simulated hosts', () => {
  const mayFake = /main-simulated\.ts$|\/fake-|\/testing\//;
  expect(
    broken(({ from, to }) => /\/(fake|simulated)-[^/]*\.ts$/.test(to) && !mayFake.test(from) && !isTest(from)),
  ).toEqual([]);
});
