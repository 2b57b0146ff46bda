// GPUs as nvidia-smi tells them. Owns: running it with a deadline. Leaves to nvidia-smi-output.ts: reading it.
// A hung driver leaves nvidia-smi in an uninterruptible wait that no signal ends: then the process is abandoned and
// counted, and no second one is started while it stands.

import { spawn } from 'node:child_process';
import { type GpuDevice, GpuProbeError, type Gpus } from './gpus.ts';
import { type KernelGpu, readKernelGpus } from './kernel-gpus.ts';
import {
  type MigInstance,
  type ParsedDevices,
  parseDevices,
  parseMigInstances,
  parseProcesses,
  queriedFields,
  queriedProcessFields,
  usableDevices,
} from './nvidia-smi-output.ts';

export interface NvidiaSmiOptions {
  readonly program?: string;
  /** A healthy driver answers in 0.1 to 1 s; without persistence mode the first question takes several. */
  readonly timeoutMs?: number;
  /** What the kernel's driver has, for when nvidia-smi does not tell which of them are lost. */
  readonly kernelGpus?: () => readonly KernelGpu[];
}

/** More than any host's list needs. */
const mostOutput = 2 ** 20;

interface Answer {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

export function createNvidiaSmiGpus(options: NvidiaSmiOptions = {}): Gpus {
  const { program = 'nvidia-smi', timeoutMs = 10_000, kernelGpus = readKernelGpus } = options;
  const standing = { count: 0 };
  /** Whole GPUs as they were listed last. */
  let known: readonly Pick<GpuDevice, 'uuid' | 'bus'>[] = [];
  const ask = async (parameters: readonly string[]): Promise<Answer | undefined> => {
    if (standing.count > 0) throw new GpuProbeError('an earlier nvidia-smi still hangs; the host needs a reboot');
    return await run(program, parameters, timeoutMs, standing);
  };
  const query = [`--query-gpu=${queriedFields.join(',')}`, '--format=csv,noheader,nounits'];
  /**
   * With one that is lost many drivers tell of none, unless they are asked for each: by its place, because to find one by its UUID they look
   * at all. Gone is only what they call lost themselves.
   */
  const askForEach = async (wanted: typeof known): Promise<ParsedDevices['devices']> => {
    const found: ParsedDevices['devices'][number][] = [];
    for (const { uuid, bus } of wanted) {
      const answer = await ask(['-i', bus === undefined ? uuid : `${bus}.0`, ...query]);
      const { devices, complaints } = parseDevices(answer?.output ?? '');
      found.push(...devices);
      if (devices.length === 0 && (answer === undefined || !tellsOfLoss(answer, complaints))) {
        throw new GpuProbeError(`nvidia-smi does not tell of ${uuid}: ${saidBy(answer).slice(0, 200)}; run it by hand`);
      }
    }
    return found;
  };
  let asking: Promise<GpuDevice[]> | undefined;
  return {
    /** Whoever asks while another one is being answered gets the same answer. */
    list(): Promise<GpuDevice[]> {
      asking ??= listNow().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    async processes() {
      const words = [`--query-compute-apps=${queriedProcessFields.join(',')}`, '--format=csv,noheader,nounits'];
      const answer = await ask(words);
      if (answer?.status === 0) return parseProcesses(answer.output);
      throw new GpuProbeError(
        `nvidia-smi does not list the processes: ${saidBy(answer).slice(0, 200) || `status ${answer?.status}`}; run it by hand`,
      );
    },
  };

  async function listNow(): Promise<GpuDevice[]> {
    const answer = await ask(query);
    if (!answer && known.length > 0)
      throw new GpuProbeError('nvidia-smi is not there any more: is the driver being changed?');
    if (!answer) return [];
    const { devices: listed, complaints } = parseDevices(answer.output);
    const isLoss = tellsOfLoss(answer, complaints);
    const isFirst = known.length === 0;
    // Of those that are lost already when we first look the kernel alone tells.
    const fromKernel = isFirst && isLoss ? kernelGpus() : [];
    const expected = isFirst ? fromKernel : known;
    const isEachAsked = isLoss && listed.length === 0 && expected.length > 0;
    const devices = isEachAsked ? await askForEach(expected) : listed;
    const lost = fromKernel.filter(({ uuid }) => !devices.some((device) => device.uuid === uuid)).map(lostDevice);
    if (devices.length + lost.length === 0) return isEachAsked ? [] : noDevices(answer, complaints);
    if (isFirst || !isEachAsked) known = [...devices, ...lost];
    const divided = devices.some((device) => device.divided);
    return [...usableDevices(devices, divided ? await instances() : []), ...lost];
  }

  async function instances(): Promise<MigInstance[]> {
    const answer = await ask(['-L']);
    const found = parseMigInstances(answer?.output ?? '');
    // Without an answer they are unknown. With one, a GPU may be divided and have none.
    if (answer?.status === 0) return found;
    throw new GpuProbeError(
      `nvidia-smi -L does not list the MIG instances: ${saidBy(answer).slice(0, 200) || `status ${answer?.status}`}; run it by hand`,
    );
  }
}

function lostDevice({ uuid, bus, name }: KernelGpu): GpuDevice {
  const healthReason = 'the driver calls it lost; reset it or reboot the host, then restart the agent';
  return { uuid, kind: 'gpu', bus, name, memoryBytes: 0, health: 'unusable', healthReason };
}

function tellsOfLoss(answer: Answer, complaints: readonly string[]): boolean {
  return [...complaints, answer.errors].some((line) => /GPU is lost|fallen off the bus/i.test(line));
}

function saidBy(answer: Answer | undefined): string {
  const lines = `${answer?.errors ?? ''}\n${answer?.output ?? ''}`.split('\n').map((line) => line.trim());
  return lines.find((line) => line !== '') ?? '';
}

/** A driver without a GPU is an empty host; anything else that shows no device is unknown. */
function noDevices(answer: Answer, complaints: readonly string[]): GpuDevice[] {
  const said = [...complaints, ...answer.errors.split('\n')].map((line) => line.trim()).find((line) => line !== '');
  if (answer.status === 0 && said === undefined) return [];
  if (said !== undefined && /^no devices were found/i.test(said)) return [];
  throw new GpuProbeError(
    `nvidia-smi shows no GPU and says: ${(said ?? `status ${answer.status}`).slice(0, 200)}; run it by hand, then reset or reboot`,
  );
}

/** The program's answer, or undefined where it is not installed. */
function run(
  program: string,
  parameters: readonly string[],
  timeoutMs: number,
  standing: { count: number },
): Promise<Answer | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(limit);
      if (error.code === 'ENOENT') resolve(undefined);
      else reject(new GpuProbeError(`nvidia-smi cannot be run: ${error.message}`, { cause: error }));
    });
    const output = { out: '', err: '' };
    const limit = setTimeout(() => {
      standing.count += 1;
      child.once('exit', () => {
        standing.count -= 1;
      });
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      reject(
        new GpuProbeError(`nvidia-smi did not answer within ${timeoutMs} ms; the driver may hang, reboot the host`),
      );
    }, timeoutMs);
    // Without a file to spare there are no streams: the error says so.
    child.stdout?.on('data', (chunk: Buffer) => {
      output.out = (output.out + chunk.toString()).slice(0, mostOutput);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      output.err = (output.err + chunk.toString()).slice(0, mostOutput);
    });
    child.once('close', (status) => {
      clearTimeout(limit);
      resolve({ status, output: output.out, errors: output.err });
    });
  });
}
