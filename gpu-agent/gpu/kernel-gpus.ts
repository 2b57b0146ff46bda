// GPUs as the kernel's driver has them, whether or not nvidia-smi can tell of them: /proc/driver/nvidia/gpus/BUS/information, as the
// driver's README describes it ("The /proc interface").

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { busOf } from './xid.ts';

export interface KernelGpu {
  readonly uuid: string;
  readonly bus: string;
  readonly name: string;
}

/** All whose UUID the driver knows; none where there is no such driver. */
export function readKernelGpus(directory = '/proc/driver/nvidia/gpus'): KernelGpu[] {
  return entriesOf(directory).flatMap((bus) => {
    const fields = fieldsOf(join(directory, bus, 'information'));
    const uuid = fields.get('GPU UUID') ?? '';
    // One that was never made ready has question marks for it.
    return /^GPU-[0-9a-f-]{8,64}$/i.test(uuid) ? [{ uuid, bus: busOf(bus), name: fields.get('Model') ?? '' }] : [];
  });
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function fieldsOf(path: string): ReadonlyMap<string, string> {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return new Map(
      lines.map((line) => [line.split(':', 1)[0]?.trim() ?? '', line.slice(line.indexOf(':') + 1).trim()]),
    );
  } catch {
    return new Map();
  }
}
