import { expect, test } from 'vitest';
import { describeDeviations, deviations } from '../../shared/sandbox/inspect-check.ts';
import { containerOptions } from './container-spec.ts';
import { sampleSpec } from './sandbox-fixture.ts';

const image = `sha256:${'a'.repeat(64)}`;
const spec = sampleSpec('/bundles/one', { diskBytes: 100 * 2 ** 20, cpus: 2.5 });
const asked = containerOptions(spec, image, { installation: 'here' });

/** What an honest engine answers. */
function inspected(): { HostConfig: Record<string, unknown>; Config: Record<string, unknown>; [key: string]: unknown } {
  const { HostConfig, Image, ...config } = structuredClone(asked);
  return {
    Image,
    AppArmorProfile: '',
    Config: { ...config, Image, Entrypoint: null, Env: [...config.Env, 'PATH=/usr/bin'], Volumes: null },
    HostConfig: { ...HostConfig, Binds: null, CapAdd: null, PidMode: '', Sysctls: null, DeviceRequests: null },
    Mounts: [
      { Type: 'bind', Source: '/bundles/one', Destination: '/data', Mode: '', RW: false, Propagation: 'rprivate' },
    ],
  };
}

function sizes(places: Record<string, string>): number[] {
  return Object.values(places).map((text) => Number(/size=(\d+)/.exec(text)?.[1]));
}

test('the writable places together hold at most what was asked for, and leave memory for the program', () => {
  const total = (list: number[]): number => list.reduce((sum, size) => sum + size, 0);
  expect(total(sizes(asked.HostConfig.Tmpfs))).toBeLessThanOrEqual(spec.diskBytes);
  const tight = containerOptions({ ...spec, diskBytes: 2 ** 40 }, image, { installation: 'here' });
  expect(total(sizes(tight.HostConfig.Tmpfs))).toBeLessThanOrEqual(spec.memoryBytes * 0.75);
});

test('the threads of numerical libraries follow the CPUs, and HOME cannot be set from outside', () => {
  const { Env } = containerOptions({ ...spec, environment: { HOME: '/etc', OMP_NUM_THREADS: '1' } }, image, {
    installation: 'here',
  });
  expect(asked.Env).toContain('OPENBLAS_NUM_THREADS=2');
  expect(Env).toContain('OMP_NUM_THREADS=1');
  expect(Env.filter((entry) => entry.startsWith('HOME='))).toEqual(['HOME=/work']);
});

test('a GPU is asked for by its UUID, and none on a CPU slot', () => {
  expect(asked.HostConfig.DeviceRequests).toEqual([]);
  expect(
    containerOptions({ ...spec, device: 'GPU-1' }, image, { installation: 'here' }).HostConfig.DeviceRequests,
  ).toEqual([{ Driver: 'nvidia', Count: 0, DeviceIDs: ['GPU-1'], Capabilities: [['gpu']] }]);
});

test('an honest answer of the engine shows no deviation', () => {
  expect(deviations(asked, inspected())).toEqual([]);
});

const weaker: [string, (answer: ReturnType<typeof inspected>) => void][] = [
  ['HostConfig.NetworkMode', (answer) => Object.assign(answer.HostConfig, { NetworkMode: 'bridge' })],
  ['HostConfig.ReadonlyRootfs', (answer) => Object.assign(answer.HostConfig, { ReadonlyRootfs: false })],
  ['HostConfig.Privileged', (answer) => Object.assign(answer.HostConfig, { Privileged: true })],
  ['HostConfig.CapAdd', (answer) => Object.assign(answer.HostConfig, { CapAdd: ['SYS_ADMIN'] })],
  ['HostConfig.CapDrop', (answer) => Object.assign(answer.HostConfig, { CapDrop: null })],
  ['HostConfig.SecurityOpt', (answer) => Object.assign(answer.HostConfig, { SecurityOpt: ['seccomp=unconfined'] })],
  ['HostConfig.PidsLimit', (answer) => Object.assign(answer.HostConfig, { PidsLimit: null })],
  ['HostConfig.MemorySwap', (answer) => Object.assign(answer.HostConfig, { MemorySwap: -1 })],
  ['HostConfig.NanoCpus', (answer) => Object.assign(answer.HostConfig, { NanoCpus: 0 })],
  ['HostConfig.PidMode', (answer) => Object.assign(answer.HostConfig, { PidMode: 'host' })],
  ['HostConfig.Binds', (answer) => Object.assign(answer.HostConfig, { Binds: ['/:/host'] })],
  ['HostConfig.Devices', (answer) => Object.assign(answer.HostConfig, { Devices: [{ PathOnHost: '/dev/vda' }] })],
  ['HostConfig.Ulimits', (answer) => Object.assign(answer.HostConfig, { Ulimits: [] })],
  ['HostConfig.Tmpfs', (answer) => Object.assign(answer.HostConfig, { Tmpfs: { '/tmp': '' } })],
  ['HostConfig.RestartPolicy', (answer) => Object.assign(answer.HostConfig, { RestartPolicy: { Name: 'always' } })],
  ['HostConfig.LogConfig', (answer) => Object.assign(answer.HostConfig, { LogConfig: { Type: 'json-file' } })],
  ['Config.User', (answer) => Object.assign(answer.Config, { User: '' })],
  ['Config.NetworkDisabled', (answer) => Object.assign(answer.Config, { NetworkDisabled: false })],
  ['Config.Env', (answer) => Object.assign(answer.Config, { Env: [] })],
  ['Image', (answer) => Object.assign(answer, { Image: `sha256:${'b'.repeat(64)}` })],
  ['Mounts', (answer) => Object.assign(answer, { Mounts: [] })],
];

test.each(weaker)('an engine that changes %s is found out', (field, change) => {
  const answer = inspected();
  change(answer);
  expect(deviations(asked, answer).map((one) => one.field)).toContain(field);
  expect(describeDeviations(deviations(asked, answer))).toContain(`${field}: asked for`);
});

test('an answer that is no answer is all deviation', () => {
  for (const nonsense of [undefined, null, 'x', [], {}]) expect(deviations(asked, nonsense).length).toBeGreaterThan(10);
});

test('the socket of the package index is mounted where it is asked for and there is one', () => {
  const mountsOf = (packages: boolean, packagesDirectory?: string): string[] => {
    const options = containerOptions({ ...spec, packages }, image, { installation: 'here', packagesDirectory });
    return options.HostConfig.Mounts.map(({ Source, Target, ReadOnly }) => `${Source} ${Target} ${ReadOnly}`);
  };
  const bundle = '/bundles/one /data true';
  expect(mountsOf(true, '/agent/packages')).toEqual([bundle, '/agent/packages /run/doubleblind true']);
  expect(mountsOf(false, '/agent/packages')).toEqual([bundle]);
  expect(mountsOf(true)).toEqual([bundle]);
});
