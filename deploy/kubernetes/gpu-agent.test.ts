// The manifests against Kubernetes' own description of its objects, against the narrower rules that they keep here (who may be root, what
// may be mounted), and against what is in the image: the settings are taken, the files that are run exist.

import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { configSchema } from '../../gpu-agent/config.ts';
import { proxyConfigSchema } from '../../gpu-agent/socket-proxy/config.ts';
import { loadConfig } from '../../shared/daemon/config.ts';
import { complaints, modelsDirectory } from './openapi.test-support.ts';

const root = join(import.meta.dirname, '../..');
const text = z.string().min(1);
const labels = z.record(text, z.string());
const metadata = z.strictObject({ name: text, namespace: text.optional(), labels: labels.optional() });
const quantity = z.string().regex(/^\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?$/);
const resources = z.partialRecord(z.enum(['cpu', 'memory']), quantity);
const probe = z.strictObject({
  exec: z.strictObject({ command: z.array(text).min(1) }),
  periodSeconds: z.number().int().positive(),
  timeoutSeconds: z.number().int().positive(),
  failureThreshold: z.number().int().positive().optional(),
});
const securityContext = z.strictObject({
  allowPrivilegeEscalation: z.literal(false),
  readOnlyRootFilesystem: z.literal(true),
  runAsNonRoot: z.boolean().optional(),
  runAsUser: z.number().int().optional(),
  runAsGroup: z.number().int().optional(),
  capabilities: z.strictObject({ drop: z.array(text), add: z.array(text).optional() }),
  seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
});
const volumeMount = z.strictObject({
  name: text,
  mountPath: text,
  subPath: text.optional(),
  readOnly: z.boolean().optional(),
});
const initContainer = z.strictObject({
  name: text,
  image: text,
  command: z.array(text),
  securityContext,
  volumeMounts: z.array(volumeMount),
});
const envVariable = z.union([
  z.strictObject({ name: text, value: z.string() }),
  z.strictObject({
    name: text,
    valueFrom: z.strictObject({ fieldRef: z.strictObject({ fieldPath: z.literal('spec.nodeName') }) }),
  }),
]);
const container = z.strictObject({
  name: text,
  image: text,
  args: z.array(text),
  env: z.array(envVariable),
  ports: z
    .array(z.strictObject({ name: text, containerPort: z.number().int(), protocol: z.enum(['TCP', 'UDP']) }))
    .optional(),
  startupProbe: probe.optional(),
  livenessProbe: probe.optional(),
  readinessProbe: probe.optional(),
  resources: z.strictObject({ requests: resources, limits: resources }),
  securityContext,
  volumeMounts: z.array(volumeMount),
});
const volume = z.union([
  z.strictObject({ name: text, configMap: z.strictObject({ name: text }) }),
  z.strictObject({
    name: text,
    hostPath: z.strictObject({ path: text, type: z.enum(['Directory', 'DirectoryOrCreate', 'Socket']) }),
  }),
  z.strictObject({
    name: text,
    emptyDir: z.strictObject({ medium: z.literal('Memory').optional(), sizeLimit: quantity }),
  }),
]);
const pod = z.strictObject({
  nodeSelector: labels,
  tolerations: z.array(
    z.strictObject({ key: text, operator: z.enum(['Exists', 'Equal']), effect: z.enum(['NoSchedule', 'NoExecute']) }),
  ),
  hostNetwork: z.boolean(),
  dnsPolicy: z.literal('ClusterFirstWithHostNet'),
  automountServiceAccountToken: z.literal(false),
  terminationGracePeriodSeconds: z.number().int().positive(),
  securityContext: z.strictObject({ fsGroup: z.number().int() }),
  initContainers: z.array(initContainer),
  containers: z.array(container).length(2),
  volumes: z.array(volume),
});
const namespace = z.strictObject({ apiVersion: z.literal('v1'), kind: z.literal('Namespace'), metadata });
const configMap = z.strictObject({ apiVersion: z.literal('v1'), kind: z.literal('ConfigMap'), metadata, data: labels });
const daemonSet = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('DaemonSet'),
  metadata,
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: labels }),
    updateStrategy: z.strictObject({
      type: z.literal('RollingUpdate'),
      rollingUpdate: z.strictObject({ maxUnavailable: z.number().int() }),
    }),
    template: z.strictObject({ metadata: z.strictObject({ labels }), spec: pod }),
  }),
});

const documents = parseAllDocuments(readFileSync(join(import.meta.dirname, 'gpu-agent.yaml'), 'utf8'));
const [first, second, third] = documents.map((document) => document.toJS() as unknown);
const settings = configMap.parse(second);
const agents = daemonSet.parse(third);
const [agent, proxy] = agents.spec.template.spec.containers;

if (modelsDirectory === undefined)
  process.stderr.write('skipped: no python3-kubernetes; npm test unpacks it, or: apt-get install python3-kubernetes\n');

test.skipIf(modelsDirectory === undefined)("Kubernetes' API takes every member, and misses none", () => {
  const directory = modelsDirectory ?? '';
  for (const [kind, document] of [
    ['V1Namespace', first],
    ['V1ConfigMap', second],
    ['V1DaemonSet', third],
  ] as const)
    expect(complaints(directory, kind, document), kind).toEqual([]);
  // And it would tell.
  const slips = {
    apiVersion: 'apps/v1',
    spec: { selector: {}, template: { spec: { hostnetwork: true, containers: 'none' } } },
  };
  expect(complaints(directory, 'V1DaemonSet', slips)).toEqual([
    'V1DaemonSet.spec.template.spec.hostnetwork is unknown',
    'V1DaemonSet.spec.template.spec.containers is no list',
  ]);
  expect(complaints(directory, 'V1DaemonSet', { spec: {} })).toEqual([
    'V1DaemonSet.spec lacks selector',
    'V1DaemonSet.spec lacks template',
  ]);
});

test('the manifests keep to what they need of the API, and belong together', () => {
  expect(documents.flatMap((document) => document.errors)).toEqual([]);
  const home = namespace.parse(first).metadata.name;
  expect([settings.metadata.namespace, agents.metadata.namespace]).toEqual([home, home]);
  expect(agents.spec.template.metadata.labels).toMatchObject(agents.spec.selector.matchLabels);
  const { volumes, initContainers } = agents.spec.template.spec;
  const names = new Set(volumes.map((one) => one.name));
  for (const { name } of [
    ...(agent?.volumeMounts ?? []),
    ...(proxy?.volumeMounts ?? []),
    ...initContainers.flatMap((one) => one.volumeMounts),
  ])
    expect(names).toContain(name);
});

test("only the proxy's container has the engine's socket, and it takes its settings", () => {
  const env = Object.fromEntries((proxy?.env ?? []).flatMap((one) => ('value' in one ? [[one.name, one.value]] : [])));
  const config = loadConfig({ role: 'sandbox-proxy', schema: proxyConfigSchema, argv: [], env, files: [] });
  expect(config).toMatchObject({ mountProof: false, image: 'doubleblind/sandbox-cuda' });
  expect(existsSync(join(root, 'deploy/docker/sandbox-cuda.Dockerfile'))).toBe(true);
  const mountsOf = (one: typeof proxy): string[] => (one?.volumeMounts ?? []).map((mount) => mount.mountPath);
  expect(mountsOf(proxy)).toEqual(
    expect.arrayContaining([config.docker.socket, config.agentStateDirectory, dirname(config.listen)]),
  );
  expect(mountsOf(agent)).not.toContain(config.docker.socket);
});

test('the agent takes the settings and the environment that it is given', () => {
  const env = Object.fromEntries(
    (agent?.env ?? []).flatMap((one) =>
      'value' in one ? [[one.name, one.value.replaceAll('$(NODE_NAME)', 'gpu-1')]] : [],
    ),
  );
  const argv = Object.entries(flatten(parse(settings.data['gpu-agent.yaml'] ?? ''))).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  const config = loadConfig({ role: 'gpu-agent', schema: configSchema, argv, env, files: [] });
  expect(config).toMatchObject({ advertise: 'gpu-1:7442', tls: { key: '/run/doubleblind-pki/gpu-agent.key' } });
  const mounts = (agent?.volumeMounts ?? []).map((mount) => mount.mountPath);
  expect(mounts).toContain(config.stateDirectory);
  expect(mounts).toContain(dirname(config.sandbox.proxySocket));
  for (const one of [agent?.startupProbe, agent?.livenessProbe, agent?.readinessProbe])
    expect(one?.exec.command.at(-1)).toBe(String(config.metricsPort));
});

test("a node's own key reaches its agent alone: no Secret holds keys, and no volume is shared but the socket's and the state's", () => {
  const { volumes, initContainers } = agents.spec.template.spec;
  expect(volumes.filter((one) => 'secret' in one)).toEqual([]);
  const copying = initContainers.find((one) => one.name === 'certificate');
  // What `pki issue gpu-agent` writes, and what the agent is told.
  const files = (copying?.command ?? []).filter((word) => word.startsWith('/etc/'));
  expect(files.map((path) => basename(path))).toEqual(['ca.crt', 'gpu-agent.crt', 'gpu-agent.key']);
  const target = (copying?.command ?? []).find((word) => word.startsWith('--target-directory='))?.split('=')[1] ?? '';
  const told = (agent?.env ?? []).flatMap((one) =>
    'value' in one && one.name.startsWith('DOUBLEBLIND_TLS_') ? [one.value] : [],
  );
  expect(told).toEqual(files.map((path) => join(target, basename(path))));
  const mounted = [agent, proxy].map((one) => new Set((one?.volumeMounts ?? []).map((mount) => mount.name)));
  const [first = new Set(), second = new Set()] = mounted;
  expect([...first].filter((name) => second.has(name))).toEqual(['state', 'sandbox']);
  expect(second).not.toContain('pki');
});

/** `{a: {bC: 1}}` → `{'a-b-c': 1}`, the names of flags. */
function flatten(value: unknown, prefix = ''): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { [prefix]: value };
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, member]) => {
      const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      return flatten(member, prefix === '' ? kebab : `${prefix}-${kebab}`);
    }),
  );
}

test('what is run in the container is in the package', () => {
  const words = [...(agent?.args ?? []), ...(proxy?.args ?? []), ...(agent?.livenessProbe?.exec.command ?? [])];
  const scripts = words.filter((word) => word.endsWith('.ts')).map((word) => word.replace('/usr/lib/doubleblind/', ''));
  expect(scripts).toEqual(['gpu-agent/main.ts', 'gpu-agent/socket-proxy/main.ts', 'deploy/docker/main-probe.ts']);
  for (const script of scripts) expect(existsSync(join(root, script)), script).toBe(true);
});
