// Reads what nvidia-smi prints. Pure, and ready for anything: [N/A], ERR!, complaints between the lines, a name with a
// comma, a line cut short.

import type { GpuDevice, GpuHealth, GpuProcess } from './gpus.ts';
import { busOf } from './xid.ts';

/** In the order in which `parseDevices` expects them. The name is last but one field of free text, so it may hold commas. */
export const queriedFields = [
  'uuid',
  'pci.bus_id',
  'memory.total',
  'memory.used',
  'utilization.gpu',
  'temperature.gpu',
  'ecc.errors.uncorrected.volatile.total',
  'mig.mode.current',
  'name',
] as const;

/** In the order in which `parseProcesses` expects them. */
export const queriedProcessFields = ['gpu_uuid', 'pid', 'used_gpu_memory'] as const;

/** Reads the answer to `--query-compute-apps=<queriedProcessFields> --format=csv,noheader,nounits`; what has no figure is left out. */
export function parseProcesses(text: string): GpuProcess[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [uuid = '', pid = '', used = ''] = line.split(',').map((field) => field.trim());
    const mebibytes = number(used);
    if (!gpuUuid.test(uuid) || !/^\d{1,10}$/.test(pid) || mebibytes === undefined) return [];
    return [{ uuid, pid: Number(pid), usedMemoryBytes: mebibytes * mebibyte }];
  });
}

/** A MIG instance as `nvidia-smi -L` lists it. */
export interface MigInstance {
  readonly uuid: string;
  readonly parentUuid: string;
  /** Such as `3g.20gb`. */
  readonly profile: string;
}

export interface ParsedDevices {
  readonly devices: readonly (GpuDevice & { readonly divided: boolean })[];
  /** Lines that are no device, such as "GPU is lost". */
  readonly complaints: readonly string[];
}

const mebibyte = 2 ** 20;
const gpuUuid = /^GPU-[0-9a-fA-F-]{8,64}$/;
/** Data-centre GPUs slow down at 85–90 °C. */
const hotCelsius = 90;

/** Reads the answer to `--query-gpu=<queriedFields> --format=csv,noheader,nounits`. */
export function parseDevices(text: string): ParsedDevices {
  const devices: (GpuDevice & { divided: boolean })[] = [];
  const complaints: string[] = [];
  for (const line of text.split(/\r?\n/).map((part) => part.trim())) {
    if (line === '') continue;
    const device = deviceOf(line.split(',').map((field) => field.trim()));
    if (device) devices.push(device);
    else complaints.push(line);
  }
  return { devices, complaints };
}

function deviceOf(fields: string[]): (GpuDevice & { divided: boolean }) | undefined {
  const [uuid = '', bus = '', total = '', used = '', utilization = '', temperature = '', ecc = '', mig = '', ...name] =
    fields;
  if (!gpuUuid.test(uuid) || name.length === 0) return undefined;
  const usedMebibytes = number(used);
  const utilizationPercent = number(utilization);
  const temperatureCelsius = number(temperature);
  const [health, healthReason] = healthOf({ fields, total, ecc, temperatureCelsius });
  return {
    uuid,
    kind: 'gpu',
    ...(/^[0-9a-fA-F]+:[0-9a-fA-F]+:[0-9a-fA-F]+/.test(bus) ? { bus: busOf(bus) } : {}),
    name: name.join(', '),
    memoryBytes: (number(total) ?? 0) * mebibyte,
    ...(usedMebibytes === undefined ? {} : { usedMemoryBytes: usedMebibytes * mebibyte }),
    ...(utilizationPercent === undefined ? {} : { utilizationPercent }),
    ...(temperatureCelsius === undefined ? {} : { temperatureCelsius }),
    health,
    healthReason,
    divided: mig === 'Enabled',
  };
}

interface Signs {
  readonly fields: readonly string[];
  readonly total: string;
  readonly ecc: string;
  readonly temperatureCelsius: number | undefined;
}

function healthOf({ fields, total, ecc, temperatureCelsius }: Signs): [GpuHealth, string] {
  const failed = fields.findIndex((field) =>
    /^\[?(?:ERR!|Unknown Error|GPU is lost|GPU requires reset)\]?$/i.test(field),
  );
  if (failed >= 0) return ['unusable', `the driver cannot read ${queriedFields[failed] ?? 'it'}; reset the GPU`];
  if (number(total) === undefined) return ['unusable', 'the driver does not tell its memory'];
  const errors = number(ecc) ?? 0;
  if (errors > 0) return ['unusable', `${errors} uncorrected memory errors (ECC) since the driver was loaded`];
  if (temperatureCelsius !== undefined && temperatureCelsius >= hotCelsius) {
    // Without the figure: a reason that changed with each look would be an event in the coordinator's journal each time.
    return ['warning', `${hotCelsius} °C or more: it slows itself down; see to its cooling`];
  }
  return ['healthy', ''];
}

/** `[N/A]`, `[Not Supported]`, empty and the like are no number. */
function number(field: string): number | undefined {
  return /^\d{1,12}(?:\.\d+)?$/.test(field) ? Number(field) : undefined;
}

/** The MIG instances out of `nvidia-smi -L`. */
export function parseMigInstances(text: string): MigInstance[] {
  const instances: MigInstance[] = [];
  let parentUuid: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const gpu = /^GPU \d+: .*\(UUID: (GPU-[0-9a-fA-F-]+)\)\s*$/.exec(line);
    if (gpu) parentUuid = gpu[1];
    const mig = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[0-9A-Za-z/-]+)\)\s*$/.exec(line);
    const [, profile, uuid] = mig ?? [];
    if (parentUuid !== undefined && profile !== undefined && uuid !== undefined) {
      instances.push({ uuid, parentUuid, profile });
    }
  }
  return instances;
}

/** Whole GPUs that are not divided, and the instances of those that are. */
export function usableDevices(parsed: ParsedDevices['devices'], instances: readonly MigInstance[]): GpuDevice[] {
  return parsed.flatMap(({ divided, ...gpu }): GpuDevice[] => {
    if (!divided) return [gpu];
    const parts = instances.filter(({ parentUuid }) => parentUuid === gpu.uuid);
    if (parts.length === 0 && gpu.health === 'healthy') {
      return [
        { ...gpu, health: 'unusable', healthReason: 'MIG is on, but it has no instance; create one or turn it off' },
      ];
    }
    if (parts.length === 0) return [gpu];
    return parts.map(({ uuid, profile }) => ({
      uuid,
      kind: 'mig',
      parentUuid: gpu.uuid,
      ...(gpu.bus === undefined ? {} : { bus: gpu.bus }),
      name: `${gpu.name} MIG ${profile}`,
      memoryBytes: memoryOfProfile(profile),
      ...(gpu.temperatureCelsius === undefined ? {} : { temperatureCelsius: gpu.temperatureCelsius }),
      health: gpu.health,
      healthReason: gpu.healthReason,
    }));
  });
}

/** The profile's name tells the memory in gigabytes, rounded: `1g.5gb` has 4864 MiB. */
function memoryOfProfile(profile: string): number {
  const gigabytes = /\.(\d+)gb/.exec(profile)?.[1];
  return gigabytes === undefined ? 0 : Number(gigabytes) * 1e9;
}
