// GPUs that are only said to be there: for tests and the simulated host.

import { type GpuDevice, GpuProbeError, type GpuProcess, type Gpus } from './gpus.ts';
import { busOf } from './xid.ts';

/** What a test can do to the fake host's GPUs. */
export interface FakeGpus extends Gpus {
  /** Changes one device; unknown UUIDs are a mistake of the test. */
  set(uuid: string, changes: Partial<GpuDevice>): void;
  /** What holds memory from now on. */
  run(processes: readonly GpuProcess[]): void;
  /** Lets a device fall off the bus. */
  lose(uuid: string): void;
  /** It is there again. */
  bring(device: GpuDevice | undefined): void;
  /** Lets every question fail until called with undefined. */
  fail(message: string | undefined): void;
}

/** `count` healthy GPUs `GPU-fa4e0000-…-<n>` of 40 GiB. */
export function createFakeGpus(count: number): FakeGpus {
  const devices = new Map<string, GpuDevice>();
  let failure: string | undefined;
  let processes: readonly GpuProcess[] = [];
  for (let index = 0; index < count; index += 1) {
    const uuid = `GPU-fa4e0000-0000-4000-8000-${String(index).padStart(12, '0')}`;
    devices.set(uuid, {
      uuid,
      kind: 'gpu',
      bus: busOf(`0000:${index.toString(16).padStart(2, '0')}:00`),
      name: 'Fake GPU',
      memoryBytes: 40 * 2 ** 30,
      usedMemoryBytes: 0,
      utilizationPercent: 0,
      temperatureCelsius: 40,
      health: 'healthy',
      healthReason: '',
    });
  }
  const known = (uuid: string): GpuDevice => {
    const device = devices.get(uuid);
    if (!device) throw new RangeError(`there is no fake GPU ${uuid}`);
    return device;
  };
  return {
    list: () =>
      failure === undefined ? Promise.resolve([...devices.values()]) : Promise.reject(new GpuProbeError(failure)),
    processes: () =>
      failure === undefined ? Promise.resolve([...processes]) : Promise.reject(new GpuProbeError(failure)),
    run: (given) => {
      processes = given;
    },
    set: (uuid, changes) => {
      devices.set(uuid, { ...known(uuid), ...changes });
    },
    lose: (uuid) => {
      known(uuid);
      devices.delete(uuid);
    },
    bring: (device) => {
      if (device !== undefined) devices.set(device.uuid, device);
    },
    fail: (message) => {
      failure = message;
    },
  };
}
