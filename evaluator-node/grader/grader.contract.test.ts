// The grader's contract, against the engine of this machine; the fake keeps to the same types.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ensureSandboxImage } from '../../deploy/docker/sandbox-image.ts';
import { systemClock } from '../../shared/clock.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { graderContainer, installationLabel } from './container-spec.ts';
import { createDockerGrader, createRehearsal } from './docker-grader.ts';
import { createFakeGrader } from './fake-grader.ts';
import { gradeFiles, graderReference } from './grade-files.ts';
import type { Grader, GraderCall } from './grader.ts';

const installation = `test-${process.pid}`;
const callFiles = join(mkdtempSync(join(tmpdir(), 'doubleblind-grading-')), 'calls');
const answers = `id,y\n${Array.from({ length: 40 }, (_, row) => `r${row},${row % 7}`).join('\n')}\n`;
const submission = `id,y\n${Array.from({ length: 40 }, (_, row) => `r${39 - row},${(39 - row) % 7 > 2 ? 9 : (39 - row) % 7}`).join('\n')}\n`;
const mae = `
import pandas as pd
from mlebench.grade_helpers import InvalidSubmissionError
def grade(submission, answers):
    print("labels:", answers.to_csv())
    if "y" not in submission.columns:
        raise InvalidSubmissionError("secret of the answers")
    both = answers.merge(submission, on="id", validate="one_to_one")
    if len(both) != len(answers):
        raise InvalidSubmissionError("secret of the answers")
    return (both.y_x - both.y_y).abs().mean()
`;

function callOf(changes: Partial<GraderCall> | string = {}): GraderCall {
  const base = { program: mae, functionName: 'grade', seed: 7 };
  const call = { ...base, answers: Buffer.from(answers), submission: Buffer.from(submission) };
  return typeof changes === 'string' ? { ...call, program: changes } : { ...call, ...changes };
}

async function dockerGrader(changes: { timeoutMs?: number } = {}): Promise<Grader | undefined> {
  try {
    await connectDocker().version();
  } catch (error) {
    process.stderr.write(
      `grader tests against Docker are SKIPPED: ${error instanceof Error ? error.message : error}\n`,
    );
    return;
  }
  const { imageId: image } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const limits = { memoryBytes: 256 * 2 ** 20, cpus: 1, timeoutMs: 60_000, atOnce: 1, directory: callFiles };
  return createDockerGrader({ image, installation, clock: systemClock, ...limits, ...changes });
}

test('a grader scores, with a standard error of the same call, and equal calls have equal outcomes', async (context) => {
  const grader = await dockerGrader();
  if (grader === undefined) return context.skip();
  const first = await grader.grade(callOf());
  expect(first.ok && first.value.value).toBeCloseTo(2.525, 9);
  expect(first.ok && first.value.standardError).toBeGreaterThan(0.2);
  expect(first.ok && first.value.standardError).toBeLessThan(0.6);
  expect(first.ok && first.value.replicates).toHaveLength(100);
  expect(await grader.grade(callOf())).toEqual(first);
}, 120_000);

test('what a grader raises, prints or gives back reaches the caller as a word of the list alone', async (context) => {
  const grader = await dockerGrader();
  if (grader === undefined) return context.skip();
  const outcome = async (program: string): Promise<unknown> => {
    const graded = await grader.grade(callOf(program));
    return graded.ok ? graded.value : graded.error;
  };
  expect(await grader.grade(callOf({ submission: Buffer.from('id,z\n1,2\n') }))).toEqual({
    ok: false,
    error: 'invalidSubmission',
  });
  expect(await outcome('def grade(s, a): return "0.5 and the labels"')).toBe('noNumber');
  expect(await outcome('def grade(s, a): return float("nan")')).toBe('noNumber');
  expect(await outcome('import os\ndef grade(s, a): os._exit(3)')).toBe('crashed');
  expect(await outcome('def other(s, a): return 1')).toBe('unreadable');
  expect(await outcome('def grade(s, a:')).toBe('unreadable');
  expect(
    await outcome(
      'def grade(s, a):\n  if not a.id.is_unique or len(s) != 40 or a.id[0] != "r0": raise ValueError\n  return 3',
    ),
  ).toEqual({ value: 3 });
}, 120_000);

test('a grader has no network, cannot write to what it was given, and no more memory than it may use', async (context) => {
  const grader = await dockerGrader();
  if (grader === undefined) return context.skip();
  const probe = `
import os, socket
def grade(s, a):
    for attempt in (lambda: socket.create_connection(("10.0.0.1", 80), 1), lambda: open("/answers/answers.csv", "a"),
                    lambda: open("/submission/x", "w"), lambda: open("/grader/grade.py", "a"), lambda: open("/x", "w")):
        try:
            attempt()
            return 1
        except OSError:
            pass
    return 0 if os.getuid() == 10001 else 2
`;
  expect(await grader.grade(callOf(probe))).toMatchObject({ ok: true, value: { value: 0 } });
  const hungry = 'def grade(s, a):\n  x = bytearray(2 ** 30)\n  x[::4096] = b"x" * len(x[::4096])\n  return 1';
  expect(await grader.grade(callOf(hungry))).toEqual({ ok: false, error: 'outOfMemory' });
}, 120_000);

test('only a rehearsal by its author tells what a grader raised', async (context) => {
  const grader = await dockerGrader();
  if (grader === undefined) return context.skip();
  const { imageId: image } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const raising = callOf('def grade(s, a):\n  return s["nowhere"]');
  expect(await grader.grade(raising)).toEqual({ ok: false, error: 'invalidSubmission' });
  const limits = { memoryBytes: 2 ** 28, cpus: 1, timeoutMs: 30_000, atOnce: 1, clock: systemClock };
  const rehearse = createRehearsal({ ...limits, image, installation, directory: callFiles });
  const told = await rehearse(raising);
  expect(told.outcome).toEqual({ ok: false, error: 'invalidSubmission' });
  expect(told.words).toMatch(/File "\/grader\/grade.py", line 2, in grade[\s\S]*KeyError: 'nowhere'$/);
  expect(told.words).not.toContain('harness.py');
  const broken = await rehearse(callOf('def grade(s, a:'));
  expect(broken).toMatchObject({ outcome: { error: 'unreadable' }, words: expect.stringContaining('SyntaxError') });
  expect(await rehearse(callOf())).toMatchObject({ outcome: { ok: true }, words: '' });
}, 120_000);

test('a grader that does not end is ended, and nothing of any call is left', async (context) => {
  const grader = await dockerGrader({ timeoutMs: 3000 });
  if (grader === undefined) return context.skip();
  expect(await grader.grade(callOf('def grade(s, a):\n  while True: pass'))).toEqual({ ok: false, error: 'timeout' });
  expect(await connectDocker().list(`${installationLabel}=${installation}`)).toEqual([]);
  expect(readdirSync(callFiles)).toEqual([]);
}, 120_000);

test('a sweep removes files and containers that a killed process left, and those of no other installation', async (context) => {
  const grader = await dockerGrader();
  if (grader === undefined) return context.skip();
  const { imageId } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const places = { grader: callFiles, answers: callFiles, submission: callFiles };
  mkdirSync(join(callFiles, 'call-left'), { recursive: true });
  const engine = connectDocker();
  const limits = { memoryBytes: 2 ** 28, cpus: 1 };
  await engine.create(graderContainer(imageId, installation, places, limits));
  const other = await engine.create(graderContainer(imageId, `${installation}-other`, places, limits));
  expect(await grader.sweep()).toBe(1);
  expect(existsSync(callFiles)).toBe(false);
  expect(await engine.list(`${installationLabel}=${installation}-other`)).toHaveLength(1);
  await engine.remove(other);
}, 120_000);

test('without an image the check names the next step', async (context) => {
  if ((await dockerGrader()) === undefined) return context.skip();
  const limits = {
    memoryBytes: 2 ** 28,
    cpus: 1,
    timeoutMs: 1000,
    atOnce: 1,
    directory: callFiles,
    clock: systemClock,
  };
  const grader = createDockerGrader({ image: 'doubleblind/none', installation, ...limits });
  await expect(grader.check()).rejects.toThrow(/no image doubleblind\/none; .*main-sandbox-image/);
  const absent = createDockerGrader({ image: 'x', installation, ...limits, socketPath: '/nonexistent/docker.sock' });
  await expect(absent.check()).rejects.toThrow(/no Docker engine answers .*start it/);
});

test('files are scored by a grader: a number, or one of its sentences', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-grade-files-'));
  const path = (name: string): string => join(directory, name);
  for (const name of ['grade.py', 'a.csv', 's.csv']) writeFileSync(path(name), name);
  const seen: GraderCall[] = [];
  const fake = createFakeGrader((call) => {
    seen.push(call);
    return call.functionName === 'grade' ? { value: 0.5 } : 'timeout';
  });
  const run = (reference: string) => gradeFiles(fake, graderReference(path(reference)), path('a.csv'), path('s.csv'));
  expect(await run('grade.py')).toEqual({
    ok: true,
    value: { grader: path('grade.py'), score: 0.5, standardError: null },
  });
  expect(await run('grade.py:other')).toEqual({ ok: false, error: 'the grader did not end in time' });
  expect(seen[0]).toMatchObject({
    program: 'grade.py',
    answers: Buffer.from('a.csv'),
    submission: Buffer.from('s.csv'),
  });
});

test('the command prints the number, or what to do where there is no engine', async (context) => {
  if ((await dockerGrader()) === undefined) return context.skip();
  const { imageId } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-grade-command-'));
  const files = { 'grade.py': mae, 'a.csv': answers, 's.csv': submission };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const script = new URL('../main-score.ts', import.meta.url).pathname;
  const words = ['--grader', 'grade.py', 'a.csv', 's.csv', '-o', 'json'];
  const run = async (env: Record<string, string>) =>
    promisify(execFile)(process.execPath, [script, ...words], { cwd: directory, env: { ...process.env, ...env } });
  const { stdout } = await run({ DOUBLEBLIND_GRADER_IMAGE: imageId });
  expect(JSON.parse(stdout)).toEqual({ grader: 'grade.py', score: 2.525, standardError: expect.any(Number) });
  await expect(run({ DOUBLEBLIND_DOCKER_SOCKET: '/nonexistent/docker.sock' })).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/no Docker engine answers at \/nonexistent\/docker.sock; start it/),
  });
}, 120_000);

test('the fake answers by its script', async () => {
  const fake = createFakeGrader(({ submission: bytes }) => (bytes.length > 100 ? { value: 1 } : 'invalidSubmission'));
  await fake.check();
  expect(await fake.grade(callOf())).toEqual({ ok: true, value: { value: 1 } });
  expect(await fake.grade(callOf({ submission: Buffer.from('id\n') }))).toEqual({
    ok: false,
    error: 'invalidSubmission',
  });
});
