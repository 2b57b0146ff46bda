// Graders in containers: one container a call, without network, with answers and submission mounted read-only.
// Owns: the files of a call, the container, the deadline. Leaves to container-spec.ts what the container is, to harness.py
// what happens in it, to harness-answer.ts what may come out.
// Invariants:
// 1. A container that is not exactly what was asked for is removed before anything runs in it.
// 2. The files of a call lie in a directory that only this user enters; they and the container go with the call.
// 3. What comes out is a number or a word of a fixed list; more than a few KiB of output is no answer.

import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, delay } from '../../shared/clock.ts';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { newLimiter } from '../../shared/limiter.ts';
import { type ContainerHost, createContainerHost } from '../../shared/sandbox/container-host.ts';
import { type ContainerPipe, pipeOf } from '../../shared/sandbox/container-pipe.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { SandboxInterrupted } from '../../shared/sandbox/sandbox-error.ts';
import { type GraderPlaces, graderContainer, installationLabel } from './container-spec.ts';
import type { Grader, GraderCall, GraderFailure } from './grader.ts';
import { isHarnessAnswer, readHarnessAnswer, readHarnessWords } from './harness-answer.ts';
import type { Rehearsal } from './rehearsal.ts';

export interface DockerGraderConfig {
  /** Image id (`sha256:…`) or name; it has python3 with pandas. */
  readonly image: string;
  readonly socketPath?: string;
  /** Names this installation on the engine. */
  readonly installation: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly timeoutMs: number;
  readonly atOnce: number;
  /** Told of a container that could not be removed, and why. */
  readonly left?: (containerId: string, error: unknown) => void;
  /** Where the files of calls lie; a directory of this installation alone. */
  readonly directory: string;
  readonly clock: Clock;
}

/** Each is a call of the grader; a hundred tell a standard error to 7 %. */
const replicates = 100;
/** Share of the time limit that the bootstrap may take, so that a slow grader still has its score. */
const bootstrapShare = 0.5;
/** A hundred numbers fit eight times. */
const mostOutputBytes = 32 * 1024;
const settleMs = 1000;
const harness = join(import.meta.dirname, 'harness.py');

/** `host` is for tests. */
export function createDockerGrader(config: DockerGraderConfig, host = graderHost(config)): Grader {
  const limiter = newLimiter(config.atOnce);
  return {
    grade: (call) =>
      limiter.run(async () => {
        const output = await runOnce(host, config, call);
        return output.ok ? readHarnessAnswer(output.value) : output;
      }),
    sweep: () => sweep(host, config),
    async check() {
      await host.check();
    },
  };
}

/** Runs graders for their author, in the container of every call. */
export function createRehearsal(config: DockerGraderConfig): Rehearsal {
  const host = graderHost(config);
  return async (call) => {
    const output = await runOnce(host, config, { ...call, explain: true });
    if (!output.ok) return { outcome: output, words: '' };
    return { outcome: readHarnessAnswer(output.value), words: readHarnessWords(output.value) };
  };
}

/** Over the engine itself: the evaluator is the more trusted of the two, and holds a socket only where tasks bring a grader. */
function graderHost(config: DockerGraderConfig): ContainerHost<GraderPlaces> {
  return createContainerHost<GraderPlaces>(connectDocker(config.socketPath), {
    image: config.image,
    imageStep: 'build it with `node deploy/docker/main-sandbox-image.ts` and set grader.image to what it prints',
    label: { name: installationLabel, value: config.installation },
    options: (places, imageId) => graderContainer(imageId, config.installation, places, config),
  });
}

/** Files first: they hold answers, and need no engine. */
async function sweep(host: ContainerHost<GraderPlaces>, { directory }: DockerGraderConfig): Promise<number> {
  await rm(directory, { recursive: true, force: true });
  const left = await host.list();
  for (const { id } of left) await host.remove(id);
  return left.length;
}

/** What is handed into the container. */
interface ContainerCall extends GraderCall {
  readonly explain?: boolean;
}

async function runOnce(
  host: ContainerHost<GraderPlaces>,
  config: DockerGraderConfig,
  call: ContainerCall,
): Promise<Result<Buffer, GraderFailure>> {
  // mkdtemp gives mode 0700: nobody else on this host comes to the answers below it.
  await mkdir(config.directory, { recursive: true, mode: 0o700 });
  const directory = await mkdtemp(join(config.directory, 'call-'));
  try {
    const places = await writeCall(directory, config, call);
    const first = await runContainer(host, config, places);
    if (first !== 'lost') return first;
    // Once more and no oftener: a grader may end its process like that, too.
    const second = await runContainer(host, config, places);
    return second === 'lost' ? ok(Buffer.alloc(0)) : second;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function writeCall(directory: string, config: DockerGraderConfig, call: ContainerCall): Promise<GraderPlaces> {
  const places = {
    grader: join(directory, 'grader'),
    answers: join(directory, 'answers'),
    submission: join(directory, 'submission'),
  };
  const seconds = config.timeoutMs / 1000;
  const limits = { seconds, bootstrapSeconds: seconds * bootstrapShare };
  const { functionName, seed, explain = false } = call;
  const files: [string, string | Uint8Array][] = [
    [join(places.grader, 'harness.py'), await readFile(harness)],
    [join(places.grader, 'grade.py'), call.program],
    [join(places.grader, 'call.json'), JSON.stringify({ functionName, seed, replicates, explain, ...limits })],
    [join(places.answers, 'answers.csv'), call.answers],
    [join(places.submission, 'submission.csv'), call.submission],
  ];
  // The container's user is another one; what it may read must be open to it, whatever the umask.
  for (const place of Object.values(places)) {
    await mkdir(place);
    await chmod(place, 0o755);
  }
  for (const [path, content] of files) {
    await writeFile(path, content);
    await chmod(path, 0o444);
  }
  return places;
}

async function runContainer(
  host: ContainerHost<GraderPlaces>,
  config: DockerGraderConfig,
  places: GraderPlaces,
): Promise<Result<Buffer, GraderFailure> | 'lost'> {
  const id = await host.create(places);
  try {
    const ended = await outputOf(host, config, id);
    if (ended === 'timeout') return err('timeout');
    if ((await host.state(id))?.outOfMemory === true) return err('outOfMemory');
    if (ended === 'tooMuch') return err('crashed');
    if (isHarnessAnswer(ended)) return ok(ended);
    const end = await endOf(host, config, id);
    if (end === 'killed') return err('outOfMemory');
    return end === 'lost' ? 'lost' : ok(ended);
  } finally {
    // An answer is one, whatever becomes of the container; a sweep removes what is left.
    await host.remove(id).catch((error: unknown) => config.left?.(id, error));
  }
}

/**
 * How a container ended that gave no answer: killed, by a kernel without memory or with its engine; or by itself, where one that ended well has given an
 * answer that was lost on the way. Rejects where the way to it was lost, which an engine that was started again brings about: no word about the submission.
 */
async function endOf(
  host: ContainerHost<GraderPlaces>,
  { clock }: DockerGraderConfig,
  id: string,
): Promise<'killed' | 'lost' | 'crashed'> {
  // What a container says ends a moment before it counts as ended.
  await delay(clock, settleMs);
  const state = await host.state(id);
  if (state === undefined || state.running)
    throw new SandboxInterrupted('the container engine was started again while a grader ran');
  if (state.outOfMemory || state.killed === true) return 'killed';
  return state.exitStatus === 0 ? 'lost' : 'crashed';
}

type Output = Buffer | 'timeout' | 'tooMuch';

/** Starts the container and takes what it says. */
async function outputOf(host: ContainerHost<GraderPlaces>, config: DockerGraderConfig, id: string): Promise<Output> {
  const pipe = pipeOf(await host.attach(id));
  try {
    const output = collect(pipe, config);
    await host.start(id);
    return await output;
  } finally {
    // A container that did not start says nothing and ends nothing: pipe and timer would wait out the time limit.
    pipe.close();
  }
}

/** What the container writes until it ends or the pipe is closed, bounded in bytes and time. */
function collect(pipe: ContainerPipe, config: DockerGraderConfig): Promise<Output> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = config.clock.after(config.timeoutMs, () => resolve('timeout'));
    const settle = (output: Output): void => {
      timer.cancel();
      resolve(output);
    };
    pipe.listen(
      (chunk) => {
        bytes += chunk.length;
        if (bytes > mostOutputBytes) settle('tooMuch');
        else chunks.push(Buffer.from(chunk));
      },
      () => settle(Buffer.concat(chunks)),
    );
  });
}
