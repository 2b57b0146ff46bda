// What somebody would say to the proxy who has taken over the gpu-agent and wants its host. For tests only.

import { sampleSpec } from '../../../gpu-agent/sandbox/sandbox-fixture.ts';

/** What is sent, as bytes of the socket, and what it is after. */
export interface HostileRequest {
  readonly goal: string;
  readonly bytes: string;
}

type Json = Readonly<Record<string, unknown>>;

/** `ours` is a container of this installation, `foreign` one of somebody else. */
export function hostileRequests(bundle: string, ours: string, foreign: string): HostileRequest[] {
  const spec = sampleSpec(bundle) as unknown as Json;
  return [
    ...engineRequests(ours, foreign),
    ...smuggledFields(spec),
    ...otherDirectories(spec, bundle),
    ...otherLimits(spec),
    ...otherContainers(ours, foreign),
    ...notRequests(spec, ours),
  ];
}

const http = (head: string, body: string): string =>
  `${head} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}\n`;
const line = (goal: string, value: unknown): HostileRequest => ({ goal, bytes: `${JSON.stringify(value)}\n` });
const create = (spec: Json, goal: string, changes: Json): HostileRequest =>
  line(`create: ${goal}`, { call: 'create', spec: { ...spec, ...changes } });

/** The engine's own language, at the paths that filters in front of it were got round with. */
function engineRequests(ours: string, foreign: string): HostileRequest[] {
  const engine = (method: string, path: string, body: Json = {}): HostileRequest => ({
    goal: `${method} ${path}`,
    bytes: http(`${method} ${path}`, JSON.stringify(body)),
  });
  const privileged = { Image: 'debian', HostConfig: { Privileged: true, Binds: ['/:/host'] } };
  return [
    engine('POST', '/containers/create', privileged),
    engine('POST', '/v1.24/containers/create', privileged),
    engine('POST', '/v1.41//containers/create', privileged),
    engine('POST', '/containers%2fcreate', privileged),
    engine('POST', '/./containers/../containers/create', privileged),
    engine('POST', `/containers/${ours}/exec`, { Cmd: ['sh'], Privileged: true }),
    engine('POST', `/containers/${foreign}/start`),
    engine('GET', `/containers/${foreign}/archive?path=/etc/shadow`),
    engine('PUT', `/containers/${foreign}/archive?path=/`),
    engine('POST', '/build?remote=git://example.org/x'),
    engine('POST', '/images/create?fromImage=debian'),
    engine('POST', '/commit?container=x'),
    engine('POST', '/volumes/create', { Driver: 'local', DriverOpts: { type: 'none', o: 'bind', device: '/' } }),
    engine('POST', '/plugins/pull?remote=x'),
    engine('POST', '/swarm/init'),
    engine('GET', '/secrets'),
    engine('GET', '/events'),
    engine('DELETE', `/containers/${foreign}?force=1`),
    { goal: 'an upgrade', bytes: 'POST /session HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\n' },
  ];
}

/** Fields of the engine's request in ours, in every spelling that its parser takes. */
function smuggledFields(spec: Json): HostileRequest[] {
  const names = ['Privileged', 'privileged', 'PRIVILEGED', 'Binds', 'CapAdd', 'Mounts', 'SecurityOpt', 'NetworkMode'];
  const more = ['PidMode', 'Devices', 'image', 'Image', 'Cmd', 'user', 'BundleDirectory', 'constructor'];
  return [
    ...['hostConfig', 'HostConfig', 'hostconfig'].map((name) => create(spec, name, { [name]: { Privileged: true } })),
    ...[...names, ...more].map((name) => create(spec, name, { [name]: ['x'] })),
  ];
}

/** Directories that are not the agent's bundles. */
function otherDirectories(spec: Json, bundle: string): HostileRequest[] {
  const elsewhere = ['/', '/etc', '/var/run', '/proc/1/root', '', 'bundles', `${bundle}/..`, `${bundle}/../../etc`];
  const odd = [`${bundle}/.`, `${bundle}//x`, `${bundle},readonly=false`, `${bundle}\0`, `${bundle}:/data:rw`];
  return [...elsewhere, ...odd, `${bundle}-none`].map((path) =>
    create(spec, `mount ${JSON.stringify(path.slice(-20))}`, { bundleDirectory: path }),
  );
}

function otherLimits(spec: Json): HostileRequest[] {
  const devices = ['all', '/dev/kmsg', 'GPU-1,capabilities=all', 'GPU-', '0'];
  return [
    ...devices.map((device) => create(spec, `device ${device}`, { device })),
    create(spec, 'label of another installation', { attemptId: 'a,doubleblind.installation=other' }),
    create(spec, 'a path as id', { runId: '../../x' }),
    create(spec, 'no limit of memory', { memoryBytes: -1 }),
    create(spec, 'more memory than there is', { memoryBytes: 2 ** 50 }),
    create(spec, 'all processes', { pids: 2 ** 22 }),
    create(spec, 'unlimited processes', { pids: 0 }),
    create(spec, 'more processors than there are', { cpus: 1e9 }),
    create(spec, 'a number that is none', { memoryBytes: '1e9' }),
    create(spec, 'an environment with an option', { environment: { 'LD_PRELOAD=/x\nA': '1' } }),
    create(spec, 'another image by its id', { image: `sha256:${'0'.repeat(64)}` }),
    create(spec, 'another image by a tag', { image: 'debian:bookworm-slim' }),
    create(spec, 'a directory with the index', { packages: '/etc' }),
    create(spec, 'an environment without end', { environment: { A: 'x'.repeat(40_000) } }),
  ];
}

/** By every name that the engine takes. */
function otherContainers(ours: string, foreign: string): HostileRequest[] {
  const ids = [`${ours}/../${foreign}`, `${ours}?force=1`, `${ours}%2f..`, `../images/${ours}`, ours.toUpperCase()];
  return [
    ...['start', 'attach', 'state', 'remove'].flatMap((call) => [
      line(`${call} of a foreign container`, { call, id: foreign }),
      line(`${call} by a short id`, { call, id: foreign.slice(0, 12) }),
    ]),
    ...ids.map((id) => line(`remove ${id.slice(-20)}`, { call: 'remove', id })),
  ];
}

function notRequests(spec: Json, ours: string): HostileRequest[] {
  return [
    line('a call that the engine has', { call: 'exec', id: ours, cmd: ['sh'] }),
    line('a call in other letters', { call: 'Create', spec }),
    line('a key more', { call: 'remove', id: ours, force: true }),
    line('a list of calls', [{ call: 'list' }]),
    line('nothing', null),
    line('a long line', { call: 'create', spec: { ...spec, more: 'x'.repeat(70_000) } }),
    { goal: 'half a request', bytes: '{"call":"create","spec":{' },
    { goal: 'a line without end', bytes: 'x'.repeat(70_000) },
  ];
}
