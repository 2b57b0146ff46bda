// The configuration of a local cluster's daemons as plain objects. Pure.

import { type DaemonName, dataPath, folders, type Layout, proxySocketPath } from './layout.ts';
import type { ModelSource } from './model-source.ts';

export interface ClusterOptions {
  readonly layout: Layout;
  /** CPU slots; GPUs are found by the agent itself. */
  readonly cpuSlots: number;
  readonly trajectoriesPerSlot: number;
  /** `sha256:…` */
  readonly sandboxImage: string;
  readonly dockerSocket: string;
  /** Environment of every process in a sandbox. */
  readonly sandboxEnvironment: Readonly<Record<string, string>>;
  readonly hostName: string;
  readonly model: ModelSource | undefined;
  /** A folder of wheels that agents may install from. */
  readonly wheels?: string | undefined;
  /** Where spans go; empty for nowhere. */
  readonly tracesEndpoint: string;
  /** Settings of the gateway in place of `model`. */
  readonly gatewaySettings: Readonly<Record<string, unknown>> | undefined;
}

type ConfiguredDaemon = Exclude<DaemonName, 'nats'>;

/** The members that every daemon has. */
function common({ layout, tracesEndpoint }: ClusterOptions, name: ConfiguredDaemon): Record<string, unknown> {
  return {
    listen: layout.addresses[name],
    stateDirectory: dataPath(layout, name),
    metricsPort: 0,
    logLevel: 'info',
    tracesEndpoint,
    tls: {
      ca: `${layout.pkiDirectory}/ca.crt`,
      certificate: `${layout.pkiDirectory}/${name}.crt`,
      key: `${layout.pkiDirectory}/${name}.key`,
    },
  };
}

/** Configuration by daemon. */
export function configFiles(options: ClusterOptions): Record<ConfiguredDaemon, Record<string, unknown>> {
  const { layout } = options;
  const peer = (name: DaemonName): Record<string, string> => ({ address: layout.addresses[name] });
  const nats = { servers: [layout.addresses.nats] };
  return {
    evaluator: {
      ...common(options, 'evaluator'),
      grader: { image: options.sandboxImage },
      docker: { socket: options.dockerSocket },
    },
    'llm-gateway': {
      ...common(options, 'llm-gateway'),
      ...(options.gatewaySettings ?? { upstreams: upstreams(options.model) }),
    },
    coordinator: {
      ...common(options, 'coordinator'),
      nats,
      evaluator: peer('evaluator'),
      gateway: peer('llm-gateway'),
      dashboard: { listen: layout.dashboard },
    },
    'gpu-agent': {
      ...common(options, 'gpu-agent'),
      host: options.hostName,
      advertise: layout.addresses['gpu-agent'],
      nats,
      coordinator: peer('coordinator'),
      gateway: peer('llm-gateway'),
      slots: { cpu: options.cpuSlots, trajectoriesPerSlot: options.trajectoriesPerSlot },
      sandbox: { proxySocket: proxySocketPath(layout), environment: options.sandboxEnvironment },
      ...(options.wheels === undefined ? {} : { packages: { mode: 'mirror', wheels: options.wheels } }),
    },
  };
}

/** Configuration of the process that holds the engine's socket for the gpu-agent. */
export function proxyConfig({ layout, sandboxImage, dockerSocket }: ClusterOptions): Record<string, unknown> {
  return {
    listen: proxySocketPath(layout),
    docker: { socket: dockerSocket },
    image: sandboxImage,
    agentStateDirectory: dataPath(layout, 'gpu-agent'),
  };
}

function upstreams(model: ModelSource | undefined): unknown[] {
  if (model === undefined) return [];
  return [
    {
      name: 'openai-compatible',
      kind: 'openai',
      baseUrl: model.baseUrl,
      ...(model.keyFile === undefined ? {} : { keyFile: model.keyFile }),
      models: [{ name: model.model, ...price(model) }],
    },
  ];
}

function price({ price: known }: ModelSource): Record<string, number> {
  if (known === undefined) return {};
  return { inputDollarsPerMillion: known.input, outputDollarsPerMillion: known.output };
}

/** The daemons of ours, in the order in which they start. */
export const configuredDaemons = Object.keys(folders) as ConfiguredDaemon[];

/** What a daemon gets of the user's environment: enough to run and to reach the network, no setting and no secret. */
export function daemonEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const wanted =
    /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|XDG_RUNTIME_DIR|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR)$/;
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined && wanted.test(name)) kept[name] = value;
  return kept;
}

/** Settings of numerical libraries that hold for this machine's processor, for the sandboxes. */
export function sandboxEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE']) {
    const value = env[name];
    if (value !== undefined && value !== '') kept[name] = value;
  }
  return kept;
}
