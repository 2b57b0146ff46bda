// The port's contract, against Docker and against the fake. What only a real sandbox can keep (network, limits) is in
// test/attacks/sandbox.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { packFiles, readTree } from '../../shared/store/tree.ts';
import { testRuntime } from '../../test/support/thorough.ts';
import { createFakeSandboxEngine } from './fake-sandbox.ts';
import { type Sandbox, type SandboxEngine, SandboxError } from './sandbox.ts';
import { dockerForTests, removeAll, sampleBundle, sampleSpec } from './sandbox-fixture.ts';

const docker = await dockerForTests({ runtime: testRuntime });
const fakeRoot = mkdtempSync(join(tmpdir(), 'doubleblind-fake-'));
const fake = (): SandboxEngine => createFakeSandboxEngine({ root: fakeRoot });
const bundle = sampleBundle();
const quick = { timeoutMs: 20_000 };

const engines: [string, SandboxEngine | undefined, () => SandboxEngine][] = [
  ['fake', fake(), fake],
  ['docker', docker?.engine, docker?.again ?? fake],
];

for (const [name, engine, another] of engines) {
  describe.skipIf(!engine)(name, () => {
    if (engine) contract(engine, another);
  });
}

function contract(engine: SandboxEngine, another: () => SandboxEngine): void {
  let box: Sandbox;
  beforeAll(async () => {
    box = await engine.create(sampleSpec(bundle));
  });
  afterAll(() => removeAll(engine));
  const bash = (command: string, timeoutMs = 20_000) => box.call({ kind: 'bash', command }, { timeoutMs });
  const python = (code: string, timeoutMs = 20_000) => box.call({ kind: 'python', code }, { timeoutMs });
  const write = (path: string, content: string) => box.call({ kind: 'writeFile', path, content }, quick);

  test('a shell call finds directory, variables, functions and jobs of the one before', async () => {
    await bash('mkdir -p /work/a && cd /work/a; x=5; double() { echo $((2 * $1)); }; sleep 60 & job=$!');
    const reply = await bash('pwd; double $x; kill -0 $job && echo alive');
    expect(reply.output).toBe('/work/a\n10\nalive\n');
    expect(reply).toMatchObject({ exitStatus: 0, truncated: false, timedOut: false, sessionRestarted: false });
  });

  test('what a call leaves in the background works only while a call runs, and the first reply says so', async () => {
    await bash('kill $job; wait $job');
    const begun = await bash('(while true; do echo x >> /work/beats; sleep 0.01; done) & beats=$!; sleep 0.2; echo on');
    expect(begun.output).toMatch(/^on\n\n\[processes in the background are paused between your calls; /);
    // Reading a file is a call that does not compute.
    const beats = async () =>
      (await box.call({ kind: 'readFile', path: '/work/beats', offset: 0, limit: 1e6 }, quick)).output.length;
    const before = await beats();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await beats()).toBe(before);
    expect(before).toBeGreaterThan(0);
    expect((await python('import time; time.sleep(0.2)')).output).toBe('');
    expect(await beats()).toBeGreaterThan(before);
    expect((await bash('kill $beats; wait $beats; echo off')).output).toContain('off\n');
  });

  test('what is about to end when a call does ends before everything is paused, also before a file is taken', async () => {
    await bash('seq 1 200000 > >(sort -n > /work/sorted); (sleep 0.05; echo done > /out/late) &');
    expect((await box.call({ kind: 'readFile', path: '/work/sorted', offset: 199_999, limit: 1 }, quick)).output).toBe(
      '200000\n',
    );
    expect(await box.takeFile('/out/late', 100)).toMatchObject({ ok: true });
    await bash('exec 3>&1 > >(tee -a /work/all.log)');
    const replies = [await bash('echo one'), await bash('echo two')];
    expect(replies.map(({ output }) => output.split('\n')[0])).toEqual(['one', 'two']);
    await bash('exec >&3 3>&-');
  });

  test('exit status, errors and both output streams of a command are told, in order', async () => {
    const reply = await bash('echo one; echo two >&2; echo three; (exit 9)');
    expect(reply).toMatchObject({ exitStatus: 9, output: 'one\ntwo\nthree\n' });
    expect((await bash('if then')).output).toContain('syntax error');
    expect((await bash('cat')).output).toBe('');
  });

  test('a shell that exits is replaced, and the reply says so', async () => {
    expect(await bash('gone=1; exit 4')).toMatchObject({ exitStatus: 4, sessionRestarted: true });
    expect(await bash('echo "[$gone]"')).toMatchObject({ output: '[]\n', sessionRestarted: false });
  });

  test('an interpreter call finds the values of the one before and shows its last expression', async () => {
    expect((await python('import os\nvalue = 41\ndef more(n):\n    return n + 1')).output).toBe('');
    expect((await python('print("first")\nmore(value)')).output).toBe('first\n42\n');
    expect((await python('os.environ["DOUBLEBLIND_SEED"]')).output).toBe("'42'\n");
  });

  test('an exception is a traceback of the code alone, and the values survive it', async () => {
    const reply = await python('kept = 7\ndef inner():\n    return 1 / 0\ninner()');
    expect(reply.exitStatus).toBe(1);
    expect(reply.output).toContain('line 3, in inner');
    expect(reply.output).toContain('ZeroDivisionError: division by zero');
    expect(reply.output).not.toContain('interpreter.py');
    expect((await python('kept')).output).toBe('7\n');
    expect((await python('import sys; sys.exit(3)')).exitStatus).toBe(3);
    expect((await python('def broken(:')).output).toContain('SyntaxError');
    expect((await python('kept')).output).toBe('7\n');
  });

  test('a call out of time ends with its whole process tree, detached grandchildren too', async () => {
    const marker = `3${Math.floor(Math.random() * 1e6)}`;
    const reply = await bash(`echo begun; (setsid sh -c 'sleep ${marker} & sleep ${marker}' &) ; sleep 50`, 2000);
    expect(reply).toMatchObject({
      exitStatus: null,
      output: expect.stringMatching(/^begun\n/),
      timedOut: true,
      sessionRestarted: true,
    });
    const search = `import os
found = []
for pid in filter(str.isdigit, os.listdir('/proc')):
    try: found += [pid] if b'sleep\\0${marker}' in open(f'/proc/{pid}/cmdline', 'rb').read() else []
    except OSError: pass
found`;
    expect((await python(search)).output).toBe('[]\n');
  });

  test('a hung interpreter is restarted, the shell beside it lives on', async () => {
    await bash('still=here');
    const reply = await python('import time\nprint("begun")\ntime.sleep(60)', 700);
    expect(reply).toMatchObject({ exitStatus: null, output: 'begun\n', timedOut: true, sessionRestarted: true });
    expect((await python('1 + 1')).output).toBe('2\n');
    expect((await bash('echo $still')).output).toBe('here\n');
  });

  test('a call that is no longer wanted ends at once', async () => {
    const stop = new AbortController();
    const call = box.call({ kind: 'bash', command: 'sleep 60' }, { timeoutMs: 50_000, signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    expect(await call).toMatchObject({ exitStatus: null, timedOut: false, sessionRestarted: true });
  });

  test('long output is cut in the middle, told in full length, and kept in a file', async () => {
    const reply = await bash('seq 1 20000');
    expect(reply).toMatchObject({ truncated: true, outputCharacters: 108_894 });
    expect(reply.output.length).toBeLessThan(8200);
    expect(reply.output.startsWith('1\n2\n')).toBe(true);
    expect(reply.output.endsWith('19999\n20000\n')).toBe(true);
    const path = reply.fullOutputPath ?? '';
    expect(path).toMatch(/^\/work\/\.observations\/\d+\.txt$/);
    const middle = await box.call({ kind: 'readFile', path, offset: 9999, limit: 2 }, quick);
    expect(middle.output).toBe('10000\n10001\n');
  });

  test('files are written, read by lines and edited where the old text is unique', async () => {
    expect((await write('notes/a.txt', 'één\ntwo\nthree\n')).exitStatus).toBe(0);
    const read = (path: string, offset = 0, limit = 100) => box.call({ kind: 'readFile', path, offset, limit }, quick);
    expect((await read('/work/notes/a.txt')).output).toBe('één\ntwo\nthree\n');
    expect((await read('notes/a.txt', 1, 1)).output).toBe('two\n');
    const edit = (old: string, text: string) =>
      box.call({ kind: 'editFile', path: 'notes/a.txt', old, new: text }, quick);
    expect((await edit('two', '2')).exitStatus).toBe(0);
    expect(await edit('e', 'x')).toMatchObject({ exitStatus: 1 });
    expect(await edit('absent', 'x')).toMatchObject({ exitStatus: 1 });
    expect((await read('notes/a.txt')).output).toBe('één\n2\nthree\n');
    expect(await read('notes/none.txt')).toMatchObject({
      exitStatus: 1,
      output: expect.stringContaining('there is no'),
    });
    expect(await write('/data/x.txt', 'x')).toMatchObject({ exitStatus: 1 });
    expect(await write('/etc/x.txt', 'x')).toMatchObject({ exitStatus: 1 });
  });

  test('reading a FIFO or a directory is refused and does not hang', async () => {
    await bash('mkfifo /work/fifo');
    const read = (path: string) => box.call({ kind: 'readFile', path, offset: 0, limit: 10 }, { timeoutMs: 5000 });
    expect(await read('/work/fifo')).toMatchObject({ exitStatus: 1, timedOut: false });
    expect(await read('/work')).toMatchObject({ exitStatus: 1, timedOut: false });
  });

  test('an execution tells completed, crash, time-out and cancelled apart', async () => {
    const run = (code: string, timeoutMs = 20_000, signal?: AbortSignal) =>
      box.execute(['python3', '-c', code], {
        directory: '/work',
        timeoutMs,
        maxLogBytes: 4096,
        ...(signal ? { signal } : {}),
      });
    expect(await run('print("done")')).toMatchObject({ end: 'completed', exitStatus: 0, log: 'done\n' });
    const crash = await run('import sys; print("before", flush=True); sys.exit("no luck")');
    expect(crash).toMatchObject({ end: 'crash', exitStatus: 1, log: 'before\nno luck\n' });
    expect(await run('import os; os.kill(os.getpid(), 9)')).toMatchObject({ end: 'crash', exitStatus: 137 });
    const late = await run('print("begun", flush=True)\nwhile True: pass', 700);
    expect(late).toMatchObject({ end: 'timeout', exitStatus: null, log: 'begun\n' });
    expect(late.cpuSeconds).toBeGreaterThan(0.1);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 200);
    expect(await run('import time; time.sleep(60)', 50_000, stop.signal)).toMatchObject({ end: 'cancelled' });
    const missing = await box.execute(['no-such-program'], { directory: '/work', timeoutMs: 5000, maxLogBytes: 4096 });
    expect(missing).toMatchObject({ end: 'crash', exitStatus: 127 });
  });

  test('the log of an execution is bounded: its first and last parts are kept', async () => {
    const execution = await box.execute(['sh', '-c', 'echo first; seq 1 300000; echo last'], {
      directory: '/work',
      timeoutMs: 20_000,
      maxLogBytes: 2000,
    });
    expect(execution.log.length).toBeLessThan(2100);
    expect(execution.log.startsWith('first\n1\n')).toBe(true);
    expect(execution.log.endsWith('\nlast\n')).toBe(true);
    expect(execution.log).toContain('bytes left out');
  });

  test('nothing that an execution started is alive after it', async () => {
    await box.execute(['sh', '-c', '(setsid sleep 4711 &) ; sleep 4711 & exit 0'], {
      directory: '/work',
      timeoutMs: 20_000,
      maxLogBytes: 2000,
    });
    const count = `import os
def has(p):
    try: return b'4711' in open(f'/proc/{p}/cmdline', 'rb').read()
    except OSError: return False
sum(has(p) for p in os.listdir('/proc') if p.isdigit())`;
    expect((await python(count)).output).toBe('0\n');
  });

  test('a tree goes in, can be run, and comes out again with equal bytes', async () => {
    const files = [
      { path: 'lib/extra.py', bytes: Buffer.from('answer = 42\n'), executable: false },
      { path: 'main.py', bytes: Buffer.from('from lib.extra import answer\nprint(answer)\n'), executable: false },
      {
        path: 'random.bin',
        bytes: Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251)),
        executable: true,
      },
    ];
    const tar = await packFiles(files);
    await box.putTree(tar, '/work/solution');
    const run = await box.execute(['python3', 'main.py'], {
      directory: '/work/solution',
      timeoutMs: 9000,
      maxLogBytes: 99,
    });
    expect(run.log).toBe('42\n');
    const taken = await box.takeTree('/work/solution', 2 ** 20);
    if (!taken.ok) throw new Error(taken.error.message);
    expect((await readTree(taken.value)).filter(({ path }) => !path.includes('__pycache__'))).toEqual(files);
  });

  test('a tree with a link, a FIFO or too many bytes is not taken', async () => {
    await bash(
      'mkdir -p /work/l /work/f /work/b /work/e; ln -s /etc/passwd /work/l/x; mkfifo /work/f/x; ln -s /work/e /work/s',
    );
    await bash('head -c 100000 /dev/zero > /work/b/x; truncate -s 1T /work/sparse 2>/dev/null; true');
    const kinds = async (path: string) => {
      const taken = await box.takeTree(path, 50_000);
      return taken.ok ? 'ok' : taken.error.kind;
    };
    expect(await kinds('/work/l')).toBe('unsafe');
    expect(await kinds('/work/f')).toBe('unsafe');
    expect(await kinds('/work/s')).toBe('unsafe');
    expect(await kinds('/work/b/x')).toBe('unsafe');
    expect(await kinds('/work/b')).toBe('tooLarge');
    expect(await kinds('/work/none')).toBe('missing');
    expect(await kinds('/work/e')).toBe('ok');
  });

  test('one file is taken only where it is a plain one within bounds', async () => {
    await bash('printf hello > /out/a; ln -s /out/a /out/link; mkfifo /out/fifo; head -c 2000 /dev/zero > /out/big');
    await bash('mkdir /out/real; printf x > /out/real/x; ln -s real /out/way');
    const take = async (path: string, most = 1000) => {
      const taken = await box.takeFile(path, most);
      return taken.ok ? Buffer.from(taken.value).toString() : taken.error.kind;
    };
    expect(await take('/out/a')).toBe('hello');
    expect(await take('/out/a', 4)).toBe('tooLarge');
    expect(await take('/out/big')).toBe('tooLarge');
    expect(await take('/out/link')).toBe('unsafe');
    expect(await take('/out/way/x')).toBe('unsafe');
    expect(await take('/out/fifo')).toBe('unsafe');
    expect(await take('/out')).toBe('unsafe');
    expect(await take('/out/none')).toBe('missing');
  });

  test('taking ends all processes first, and the next call says that its session is new', async () => {
    await bash('mkdir -p /work/t; value=1; sleep 60 &');
    expect((await box.takeTree('/work/t', 1000)).ok).toBe(true);
    expect(await bash('echo "[$value]"')).toMatchObject({ output: '[]\n', sessionRestarted: true });
  });

  test('code that writes to the descriptors of its session breaks only that session', async () => {
    const reply = await python('import os\nos.write(251, b"garbage" * 30)\nimport time; time.sleep(30)');
    expect(reply).toMatchObject({ exitStatus: 1, sessionRestarted: true });
    expect((await python('1')).output).toBe('1\n');
    const closed = await python('import os\nos.close(250); os.close(251)');
    expect(closed.sessionRestarted).toBe(true);
    expect((await bash('exec 251>&-; echo fine')).output).toBe('fine\n');
    expect((await bash('echo still')).output).toBe('still\n');
  });

  test('another engine object finds the sandbox by its labels and adopts it with its sessions', async () => {
    await python('remembered = 99');
    await bash('cd /tmp; also=1');
    const listed = await another().list();
    expect(listed).toContainEqual({ ...box.identity, running: true });
    const adopted = await another().adopt(box.identity.containerId);
    expect((await adopted.call({ kind: 'python', code: 'remembered' }, quick)).output).toBe('99\n');
    expect((await adopted.call({ kind: 'bash', command: 'pwd; echo $also' }, quick)).output).toBe('/tmp\n1\n');
    await expect(async () => await another().adopt('0123456789ab')).rejects.toThrow(SandboxError);
  });

  test('a call in flight is ended when another daemon adopts the sandbox', async () => {
    const other = await engine.create(sampleSpec(bundle));
    await other.call({ kind: 'bash', command: 'true' }, quick);
    const lost = other
      .call({ kind: 'bash', command: 'sleep 60' }, { timeoutMs: 50_000 })
      .catch(() => ({ exitStatus: null }));
    await new Promise(setImmediate); // now it is on its way
    const adopted = await another().adopt(other.identity.containerId);
    expect((await adopted.call({ kind: 'bash', command: 'echo here' }, quick)).output).toBe('here\n');
    await adopted.remove();
    expect(await lost).toMatchObject({ exitStatus: null });
  });

  test('what another daemon left under way ends when the sandbox is silenced, and its sessions stay', async () => {
    const other = await engine.create(sampleSpec(bundle));
    await other.call({ kind: 'python', code: 'remembered = 7' }, quick);
    const lost = other
      .call({ kind: 'bash', command: 'while true; do date +%N > /work/beat; sleep 0.02; done' }, { timeoutMs: 50_000 })
      .catch(() => ({ exitStatus: null }));
    await new Promise(setImmediate); // now it is on its way
    await another().silence(other.identity.containerId);
    const adopted = await another().adopt(other.identity.containerId);
    const beat = async () => (await adopted.call({ kind: 'bash', command: 'cat /work/beat; true' }, quick)).output;
    const before = await beat();
    await adopted.call({ kind: 'bash', command: 'sleep 0.2' }, quick);
    expect(await beat()).toBe(before);
    expect((await adopted.call({ kind: 'python', code: 'remembered' }, quick)).output).toBe('7\n');
    await adopted.remove();
    expect(await lost).toMatchObject({ exitStatus: null });
  });

  test('removing leaves nothing, may be repeated, and a later call is an engine failure', async () => {
    const other = await engine.create(sampleSpec(bundle));
    await other.call({ kind: 'bash', command: 'sleep 60 &' }, quick);
    await other.remove();
    await other.remove();
    await engine.remove(other.identity.containerId);
    expect((await engine.list()).map(({ containerId }) => containerId)).not.toContain(other.identity.containerId);
    await expect(other.call({ kind: 'bash', command: 'true' }, quick)).rejects.toThrow(SandboxError);
  });
}
