// The fixtures follow the formats that nvidia-smi prints on real hosts, as public reports show them; the project's own
// checks have no GPU.

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFakeGpus } from './fake-gpus.ts';
import { GpuProbeError } from './gpus.ts';
import { type KernelGpu, readKernelGpus } from './kernel-gpus.ts';
import { createNvidiaSmiGpus } from './nvidia-smi.ts';
import { parseDevices, parseMigInstances, usableDevices } from './nvidia-smi-output.ts';
import { containerOfProcess } from './process-container.ts';

const fixture = (name: string): string => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
const first = 'GPU-fcf41002-68b6-5900-d7d1-74026173bb44';

/** A stand-in for the program: a shell script. */
function program(script: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'doubleblind-smi-')), 'nvidia-smi');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What the kernel's driver tells of three GPUs, of which it could not make the last one ready. */
function kernelDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-proc-'));
  const told = [
    ['0000:65:00.0', 'NVIDIA A100-SXM4-40GB', first],
    ['0000:ca:00.0', 'NVIDIA A100-SXM4-40GB', first.replace(/4$/, '5')],
    ['0000:e3:00.0', 'Unknown', 'GPU-????????-????-????-????-????????????'],
  ] as const;
  for (const [bus, model, uuid] of told) {
    mkdirSync(join(directory, bus));
    const lines = [`Model: \t\t ${model}`, 'IRQ:   \t\t 187', `GPU UUID: \t ${uuid}`, `Bus Location: \t ${bus}`];
    writeFileSync(join(directory, bus, 'information'), `${lines.join('\n')}\nDevice Minor: \t 0\n`);
  }
  return directory;
}

const cat = (name: string): string => `cat '${join(import.meta.dirname, 'fixtures', name)}'`;

test('devices are read with their figures, and a hot one is a warning', () => {
  const { devices, complaints } = parseDevices(fixture('two-a100.csv'));
  expect(complaints).toEqual([]);
  expect(devices[0]).toEqual({
    uuid: first,
    kind: 'gpu',
    bus: '0000:65:00',
    name: 'NVIDIA A100-SXM4-40GB',
    memoryBytes: 40 * 2 ** 30,
    usedMemoryBytes: 4 * 2 ** 20,
    utilizationPercent: 0,
    temperatureCelsius: 33,
    health: 'healthy',
    healthReason: '',
    divided: false,
  });
  expect(devices[1]).toMatchObject({ health: 'warning', healthReason: expect.stringContaining('90 °C or more') });
});

test('[N/A] is an absent figure, not a fault', () => {
  expect(parseDevices(fixture('geforce.csv')).devices).toMatchObject([
    { health: 'healthy', memoryBytes: 24 * 2 ** 30 },
  ]);
});

test('errors make their own device unusable, and lines that are no device are complaints', () => {
  const { devices, complaints } = parseDevices(fixture('broken.csv'));
  expect(devices.map(({ health }) => health)).toEqual(['healthy', 'unusable', 'unusable']);
  expect(devices[1]?.healthReason).toContain('memory.total');
  expect(devices[2]?.healthReason).toContain('2 uncorrected');
  expect(complaints).toHaveLength(1);
});

test('cut, empty and hostile lines are complaints, never devices', () => {
  const lines = [
    '',
    'GPU-fcf41002',
    `${first}, 40960`,
    'x,0,1,2,3,4,5,6,7',
    '__proto__,1,1,1,1,1,1,1,1',
    `${first},1,1,1,1,1,1,1`,
  ];
  expect(parseDevices(lines.join('\n')).devices).toEqual([]);
  const odd = parseDevices(`${first}, [N/A], 1e9, -1, NaN, 0x10, 0, Disabled, A name, with commas`).devices[0];
  expect(odd).toMatchObject({ name: 'A name, with commas', memoryBytes: 0, health: 'unusable' });
  expect(odd).not.toHaveProperty('utilizationPercent');
});

test('a divided GPU is its MIG instances, and without any it is unusable', () => {
  const devices = usableDevices(parseDevices(fixture('mig.csv')).devices, parseMigInstances(fixture('mig-list.txt')));
  expect(devices.map(({ uuid, kind, health }) => [uuid.slice(0, 12), kind, health])).toEqual([
    ['MIG-e07a497d', 'mig', 'healthy'],
    ['MIG-90155500', 'mig', 'healthy'],
    ['GPU-fcf41002', 'gpu', 'unusable'],
    ['GPU-fcf41002', 'gpu', 'healthy'],
  ]);
  expect(devices[0]).toMatchObject({ parentUuid: first, memoryBytes: 20e9, name: 'NVIDIA A100-SXM4-40GB MIG 3g.20gb' });
});

test('the program is asked once, and a second time only where a GPU is divided', async () => {
  expect(await createNvidiaSmiGpus({ program: program(cat('two-a100.csv')) }).list()).toHaveLength(2);
  const mig = program(`if [ "$1" = -L ]; then ${cat('mig-list.txt')}; else ${cat('mig.csv')}; fi`);
  expect(await createNvidiaSmiGpus({ program: mig }).list()).toHaveLength(4);
});

test('where the MIG instances cannot be listed they are unknown, not gone', async () => {
  const path = program(
    `if [ "$1" = -L ]; then if [ -e "$0.bad" ]; then echo 'Failed to initialize NVML: Unknown Error'; exit 255; fi; ${cat('mig-list.txt')}; else ${cat('mig.csv')}; fi`,
  );
  const gpus = createNvidiaSmiGpus({ program: path });
  writeFileSync(`${path}.bad`, '');
  await expect(gpus.list()).rejects.toThrow('Failed to initialize NVML');
  rmSync(`${path}.bad`);
  expect(await gpus.list()).toHaveLength(4);
});

test('a GPU that is lost is gone, and the others are asked for one by one where the driver tells of none for it', async () => {
  const lost =
    'Unable to determine the device handle for GPU 0000:65:00.0: GPU is lost. Reboot the system to recover this GPU';
  const path = program(
    `if [ ! -e "$0.lost" ]; then ${cat('two-a100.csv')}; elif [ "$1" = -i ] && [ "$2" != 0000:65:00.0 ]; then grep -i "$2" '${join(import.meta.dirname, 'fixtures', 'two-a100.csv')}'; else echo '${lost}'; exit 15; fi`,
  );
  const gpus = createNvidiaSmiGpus({ program: path });
  const [one, other] = await gpus.list();
  expect(one?.uuid).toBe(first);
  writeFileSync(`${path}.lost`, '');
  expect((await gpus.list()).map(({ uuid }) => uuid)).toEqual([other?.uuid]);
  rmSync(path);
  await expect(gpus.list()).rejects.toThrow('nvidia-smi is not there any more');
  writeFileSync(path, `#!/bin/sh\necho '${lost}'; exit 15\n`, { mode: 0o755 });
  expect(await gpus.list()).toEqual([]);
  // A daemon that has not seen them does not know what is lost: it must not take the host for one without GPUs.
  await expect(createNvidiaSmiGpus({ program: path }).list()).rejects.toThrow('GPU is lost');
});

test('a daemon that starts while a GPU is lost has the others, and the lost one as the kernel tells of it', async () => {
  const csv = join(import.meta.dirname, 'fixtures', 'two-a100.csv');
  const path = program(
    `if [ "$1" = -i ] && [ "$2" != 0000:65:00.0 ]; then grep -i "$2" '${csv}'; else echo 'Unable to determine the device handle for GPU 0000:65:00.0: GPU is lost.'; exit 15; fi`,
  );
  const kernelGpus = (): KernelGpu[] => readKernelGpus(kernelDirectory());
  const gpus = createNvidiaSmiGpus({ program: path, kernelGpus });
  const lost = { uuid: first, health: 'unusable', healthReason: expect.stringContaining('calls it lost') };
  const [other, ...more] = await gpus.list();
  expect(other).toMatchObject({ health: 'warning', bus: '0000:ca:00' });
  expect(more).toEqual([expect.objectContaining({ ...lost, name: 'NVIDIA A100-SXM4-40GB', bus: '0000:65:00' })]);
  // From then on it is like one that was lost later.
  expect(await gpus.list()).toEqual([other]);
});

test('the kernel tells of GPUs by their bus; one without a UUID, and a host without the driver, have none', () => {
  const found = readKernelGpus(kernelDirectory());
  expect(found.map(({ bus }) => bus)).toEqual(['0000:65:00', '0000:ca:00']);
  expect(readKernelGpus('/nonexistent')).toEqual([]);
});

test('processes are told with their memory; what has no figure is left out, and no answer is unknown', async () => {
  const lines = [`${first}, 4711, 20480`, `${first}, 4712, [N/A]`, '[Insufficient Permissions]', ''];
  const told = createNvidiaSmiGpus({
    program: program(
      `case "$1" in --query-compute-apps=gpu_uuid,pid,used_gpu_memory) printf '${lines.join('\\n')}';; esac`,
    ),
  });
  expect(await told.processes()).toEqual([{ uuid: first, pid: 4711, usedMemoryBytes: 20 * 2 ** 30 }]);
  await expect(createNvidiaSmiGpus({ program: program('echo no; exit 9') }).processes()).rejects.toThrow(GpuProbeError);
});

test('a process is found in its container by its control group, of either version', () => {
  const id = 'a1'.repeat(32);
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-proc-'));
  const groups = [
    ['1', `0::/system.slice/docker-${id}.scope\n`],
    ['2', `12:memory:/docker/${id}\n11:cpu:/docker/${id}\n`],
    ['3', '0::/user.slice/user-1000.slice/session-2.scope\n'],
  ] as const;
  for (const [pid, text] of groups) {
    mkdirSync(join(directory, pid));
    writeFileSync(join(directory, pid, 'cgroup'), text);
  }
  const found = [1, 2, 3, 4].map((pid) => containerOfProcess(pid, directory));
  expect(found).toEqual([id, id, 'none', undefined]);
});

test('who asks while another one is being answered gets the same answer', async () => {
  const path = program(`echo x >> "$0.asked"; sleep 0.1; ${cat('two-a100.csv')}`);
  const gpus = createNvidiaSmiGpus({ program: path });
  const [one, other] = await Promise.all([gpus.list(), gpus.list()]);
  expect(other).toEqual(one);
  await gpus.list();
  expect(readFileSync(`${path}.asked`, 'utf8')).toBe('x\nx\n');
});

test('a host without the program or without a GPU has an empty list', async () => {
  expect(await createNvidiaSmiGpus({ program: '/nowhere/nvidia-smi' }).list()).toEqual([]);
  expect(await createNvidiaSmiGpus({ program: program('echo No devices were found; exit 6') }).list()).toEqual([]);
});

test('a driver that cannot be reached is unknown, not an empty host', async () => {
  const gpus = createNvidiaSmiGpus({
    program: program('echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver."; exit 9'),
  });
  await expect(gpus.list()).rejects.toThrow(/communicate with the NVIDIA driver/);
});

test('a driver that hangs is given up at the deadline', async () => {
  const gpus = createNvidiaSmiGpus({ program: program('exec sleep 60'), timeoutMs: 200 });
  const started = performance.now();
  await expect(gpus.list()).rejects.toThrow(GpuProbeError);
  expect(performance.now() - started).toBeLessThan(5000);
});

test('the fake host loses, changes and hides its GPUs as told', async () => {
  const gpus = createFakeGpus(2);
  const [one] = await gpus.list();
  if (!one) throw new Error('no device');
  gpus.set(one.uuid, { health: 'unusable', healthReason: 'test' });
  expect((await gpus.list())[0]?.health).toBe('unusable');
  gpus.lose(one.uuid);
  expect(await gpus.list()).toHaveLength(1);
  gpus.fail('hung');
  await expect(gpus.list()).rejects.toThrow(GpuProbeError);
});
