// Identity × method over real TLS: every method of every service, called by every role and by those who are nobody. The expected
// answers are written here a second time, by rule, so that a slip in the one table (shared/rpc/access.ts) is noticed.

import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import { createLocalPki, issueCertificate } from '../../../shared/pki/authority.ts';
import { type Role, roles } from '../../../shared/pki/identity.ts';
import { createRpcClient } from '../../../shared/rpc/client.ts';
import { descriptorSet, type ServiceName, serviceDefinition } from '../../../shared/rpc/definitions.ts';
import { methodNames } from '../../../shared/rpc/descriptor-set.ts';
import { RpcFault } from '../../../shared/rpc/fault.ts';
import { type Handlers, implement } from '../../../shared/rpc/handlers.ts';
import { type RpcServer, startRpcServer } from '../../../shared/rpc/server.ts';
import { rawAnswer, tlsOutcome, tlsPathsIn } from '../../../shared/rpc/test-peers.ts';
import type { TlsPaths } from '../../../shared/rpc/tls-files.ts';
import { measured } from '../../support/measured.ts';
import { strangeLeaf } from './strange-leaf.ts';

/** Who serves each service. */
const servedBy: Readonly<Record<ServiceName, Role>> = {
  'doubleblind.coordinator.v1.SearchService': 'coordinator',
  'doubleblind.coordinator.v1.FleetService': 'coordinator',
  'doubleblind.coordinator.v1.AttemptService': 'coordinator',
  'doubleblind.coordinator.v1.ArtifactService': 'coordinator',
  'doubleblind.agent.v1.AgentService': 'gpu-agent',
  'doubleblind.evaluator.v1.EvaluatorService': 'evaluator',
  'doubleblind.gateway.v1.LlmService': 'llm-gateway',
};

/** Callers of a method, by rule. */
function expected(service: string, method: string): readonly Role[] {
  if (/Search|Fleet/.test(service)) return ['operator'];
  if (['PutArtifact', 'PutSmallArtifacts', 'Complete', 'ScoreSubmission'].includes(method)) return ['gpu-agent'];
  if (method === 'GetArtifact') return ['gpu-agent', 'operator'];
  if (method === 'CheckModel') return ['operator'];
  const reading = [
    'DescribeHost',
    'WatchTranscript',
    'ListTasks',
    'DescribeTask',
    'ListLedger',
    'GetSpend',
    'ListModels',
  ];
  return reading.includes(method) ? ['coordinator', 'operator'] : ['coordinator'];
}

let pki: string;
const servers = new Map<string, RpcServer>();
let handled: string[] = [];

beforeAll(async () => {
  pki = mkdtempSync(join(tmpdir(), 'doubleblind-identities-'));
  await createLocalPki(pki, 'local');
  for (const [name, role] of Object.entries(servedBy)) {
    const server = await startRpcServer({
      listen: '127.0.0.1:0',
      tls: tlsPathsIn(pki, role),
      services: [implement(name as ServiceName, recorders(name as ServiceName))],
      log: silentLogger,
    });
    servers.set(name, server);
  }
});
afterAll(async () => {
  for (const server of servers.values()) await server.stop(100);
});

/** Handlers that note that they ran. */
function recorders<Name extends ServiceName>(name: Name): Handlers<Name> {
  const entries = Object.entries(serviceDefinition(name)).map(([method, { path, responseStream }]) => {
    const note = () => handled.push(path.slice(1));
    const stream = async function* () {
      note();
      yield {};
    };
    const single = async () => {
      note();
      return {};
    };
    return [method, responseStream ? stream : single];
  });
  return Object.fromEntries(entries) as unknown as Handlers<Name>;
}

/** Calls every method of a service; the names of those whose handler ran. */
async function callAll(service: ServiceName, tls: TlsPaths): Promise<{ ran: string[]; codes: Set<string> }> {
  handled = [];
  const codes = new Set<string>();
  const address = servers.get(service)?.address ?? '';
  const client = createRpcClient({ service, address, tls, expectRole: servedBy[service] });
  const calls = client as unknown as Record<string, (input: unknown, options: { deadlineMs: number }) => unknown>;
  for (const [method, { requestStream, responseStream }] of Object.entries(serviceDefinition(service))) {
    try {
      const answer = calls[method]?.(requestStream ? [] : {}, { deadlineMs: 20_000 });
      if (responseStream) for await (const _ of answer as AsyncIterable<unknown>);
      else await (answer as Promise<unknown>);
    } catch (error) {
      codes.add(error instanceof RpcFault ? error.code : String(error));
    }
  }
  client.close();
  return { ran: handled, codes };
}

const services = Object.keys(servedBy) as ServiceName[];

test('every role reaches exactly the methods that are its own, of all that there are', async ({ task }) => {
  const all = methodNames(descriptorSet());
  expect(new Set(all.map((name) => name.split('/')[0]))).toEqual(new Set(services));
  let calls = 0;
  let refused = 0;
  for (const role of roles) {
    for (const service of services) {
      const own = all.filter((name) => name.startsWith(`${service}/`));
      const allowed = own.filter((name) => expected(service, name.split('/')[1] ?? '').includes(role));
      const { ran, codes } = await callAll(service, tlsPathsIn(pki, role));
      expect([role, service, new Set(ran)]).toEqual([role, service, new Set(allowed)]);
      if (allowed.length < own.length) expect([...codes]).toEqual(['permissionDenied']);
      calls += own.length;
      refused += own.length - ran.length;
    }
  }
  measured(
    task,
    `${roles.length} roles × ${all.length} methods: ${calls} calls, ${refused} refused, 0 otherwise than listed`,
  );
});

test('nobody but an operator learns whom a daemon is connected with, which for the coordinator is the evaluator', async () => {
  const service = 'doubleblind.evaluator.v1.EvaluatorService';
  const address = servers.get(service)?.address ?? '';
  const about = { service, address, tls: tlsPathsIn(pki, 'coordinator'), expectRole: 'evaluator' } as const;
  const evaluator = createRpcClient<typeof service>(about);
  await evaluator.listTasks({}, { deadlineMs: 20_000 });
  const coordinator = servers.get('doubleblind.coordinator.v1.SearchService')?.address ?? '';
  const toldTo = async (role: Role): Promise<string> =>
    await rawAnswer(coordinator, 'grpc.channelz.v1.Channelz/GetTopChannels', tlsPathsIn(pki, role));
  for (const role of roles.filter((one) => one !== 'operator')) {
    expect([role, await toldTo(role)]).toEqual([role, 'PERMISSION_DENIED']);
  }
  // Positive control: the address is there to be told.
  expect(await toldTo('operator')).toContain(address);
  evaluator.close();
});

const coordinatorUri = 'spiffe://doubleblind/coordinator/local';
const good = (): Promise<TlsPaths> => strangeLeaf(pki, 'good', {});

/** Who is nobody, and beside it the positive control: what differs from it in that one thing, made on the same path. */
const nobodies: readonly [string, () => Promise<TlsPaths>, () => Promise<TlsPaths>][] = [
  [
    'a certificate of another authority',
    async () => {
      const other = mkdtempSync(join(tmpdir(), 'doubleblind-other-'));
      await createLocalPki(other, 'local');
      return { ...tlsPathsIn(other, 'coordinator'), ca: join(pki, 'ca.crt') };
    },
    async () => tlsPathsIn(pki, 'coordinator'),
  ],
  ['a certificate that has expired', () => strangeLeaf(pki, 'expired', { days: -1 }), good],
  ['a certificate that is not valid yet', () => strangeLeaf(pki, 'early', { days: 30, fromDays: 20 }), good],
  [
    'a certificate with two of our URIs',
    () => strangeLeaf(pki, 'two', { uris: ['spiffe://doubleblind/operator/a', coordinatorUri] }),
    () => strangeLeaf(pki, 'one', { uris: [coordinatorUri] }),
  ],
  ['a certificate without a URI', () => strangeLeaf(pki, 'none', { uris: [] }), good],
  [
    'a certificate with a URI of another trust domain',
    () => strangeLeaf(pki, 'foreign', { uris: ['spiffe://elsewhere/coordinator/local'] }),
    good,
  ],
  [
    'a certificate with a role that does not exist',
    () => strangeLeaf(pki, 'role', { uris: ['spiffe://doubleblind/root/local'] }),
    good,
  ],
  [
    'a leaf that another leaf has signed',
    async () => {
      const leaf = await issueCertificate(pki, { role: 'gpu-agent', name: 'evil', hosts: [], fileName: 'evil' });
      return strangeLeaf(pki, 'chained', { issuer: leaf, uris: [coordinatorUri] });
    },
    good,
  ],
];

test.each(nobodies)(
  '%s reaches nothing, and the same without that fault reaches what a coordinator may',
  async (_, make, control) => {
    const tls = await make();
    for (const service of services) expect((await callAll(service, tls)).ran).toEqual([]);
    const honest = await control();
    for (const service of services) {
      const own = methodNames(descriptorSet()).filter((name) => name.startsWith(`${service}/`));
      const allowed = own.filter((name) => expected(service, name.split('/')[1] ?? '').includes('coordinator'));
      expect(new Set((await callAll(service, honest)).ran)).toEqual(new Set(allowed));
    }
  },
);

test('no certificate, and TLS 1.2, reach nothing', async () => {
  const { ca, certificate, key } = tlsPathsIn(pki, 'coordinator');
  const own = { cert: readFileSync(certificate), key: readFileSync(key) };
  for (const server of servers.values()) {
    const outcome = (options: object): Promise<string> =>
      tlsOutcome({ port: server.port, ca: readFileSync(ca), ...options });
    expect(await outcome({})).toMatch(/certificate required/i);
    expect(await outcome({ ...own, maxVersion: 'TLSv1.2' })).toMatch(/protocol version|handshake/i);
    // Positive control: the same bytes with a certificate, over TLS 1.3.
    expect(await outcome(own)).toBe('accepted');
  }
});
