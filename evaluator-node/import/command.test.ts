import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lockState } from '../../shared/daemon/state-lock.ts';
import { runTaskCommand } from './command.ts';

const packaged = new URL('../../tasks/digits', import.meta.url).pathname;

async function temporary(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'doubleblind-command-'));
}

async function plainFolder(): Promise<string> {
  const directory = join(await temporary(), 'My Digits');
  await cp(packaged, directory, { recursive: true });
  await rm(join(directory, 'task.yaml'));
  await rm(join(directory, 'private'), { recursive: true });
  return directory;
}

async function run(...argv: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return runTaskCommand(argv, {}, () => async () => {
    throw new Error('no grader is to be run');
  });
}

test('a plain Kaggle folder becomes a task with init and is imported once', async () => {
  const directory = await plainFolder();
  const state = join(await temporary(), 'evaluator');
  const missing = await run('import', directory, '--state-dir', state);
  expect(missing).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/no task\.yaml.*doubleblind task init/) });
  const initialised = await run('init', directory, '--target', 'digit', '--metric', 'log-loss');
  expect(initialised).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/my-digits[\s\S]*1222 training, 152 search/),
  });
  // To be pasted: the folder's name has a space in it.
  expect(missing.stderr).toContain(`doubleblind task init '${directory}' --target COLUMN --metric NAME`);
  expect(initialised.stdout).toContain(`Next: \`doubleblind task validate '${directory}'\``);
  expect(await readFile(join(directory, 'task.yaml'), 'utf8')).toMatch(/^name: my-digits$/m);
  expect(await run('init', directory, '--target', 'digit', '--metric', 'log-loss')).toMatchObject({ exitCode: 6 });
  const imported = await run('import', directory, '--state-dir', state, '-o', 'json');
  expect(JSON.parse(imported.stdout)).toMatchObject({
    outcome: 'imported',
    name: 'my-digits',
    trainRows: 1222,
    testRows: 575,
  });
  expect((await run('import', directory, '--state-dir', state)).stdout).toMatch(/already imported/);
  expect(JSON.parse((await run('ls', '--state-dir', state, '-o', 'json')).stdout)).toMatchObject([
    { name: 'my-digits' },
  ]);
});

test('--dry-run checks and tells all of it, and writes nothing', async () => {
  const home = await temporary();
  const state = join(home, 'evaluator');
  const everything = async (of: string): Promise<string[]> => (await readdir(of, { recursive: true })).sort();
  const directory = await plainFolder();
  const files = await everything(directory);
  const init = ['init', directory, '--target', 'digit', '--grader', 'grade.py', '--better', 'lower', '--dry-run'];
  expect(await run(...init)).toMatchObject({
    exitCode: 0,
    stdout: expect.stringMatching(/Would write .*task\.yaml and .*grade\.py\. Dry run/),
  });
  expect(await run('init', directory, '--target', 'number', '--metric', 'log-loss', '--dry-run')).toMatchObject({
    exitCode: 6,
  });
  expect(await everything(directory)).toEqual(files);
  const imports = ['import', packaged, '--state-dir', state];
  expect((await run(...imports, '--dry-run')).stdout).toMatch(/digits[\s\S]*would be imported\. Dry run/);
  expect(await run('rekey', '--state-dir', state, '--dry-run')).toMatchObject({ exitCode: 6 });
  expect(await everything(home)).toEqual([]);
  await run(...imports);
  const after = await everything(home);
  const keys = await readFile(join(state, 'keys', 'labels-search.key'), 'utf8');
  expect(JSON.parse((await run(...imports, '--dry-run', '-o', 'json')).stdout)).toMatchObject({ outcome: 'unchanged' });
  expect((await run('rekey', '--state-dir', state, '--dry-run')).stdout).toMatch(
    /labels-validation\.key would be replaced/,
  );
  expect(await everything(home)).toEqual(after);
  expect(await readFile(join(state, 'keys', 'labels-search.key'), 'utf8')).toBe(keys);
  expect((await run('import', join(home, 'nowhere'), '--state-dir', state, '--dry-run')).exitCode).toBe(3);
});

test('rekey without a vault makes none, init without a folder says so, and a wrong flag is told in one sentence', async () => {
  const home = await temporary();
  const none = await run('rekey', '--state-dir', join(home, 'evaluator'));
  expect(none).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('there is no vault in') });
  expect(await readdir(home)).toEqual([]);
  expect(await run('init', join(home, 'nowhere'), '--metric', 'rmse')).toMatchObject({
    ...{ exitCode: 3, stderr: expect.stringContaining('there is no such directory') },
  });
  expect((await run('import', home, '--nope')).stderr).toMatch(/^Unknown option '--nope'\nusage/);
});

test('rekey gives the labels new keys, says where they are, and the task is there as before', async () => {
  const state = join(await temporary(), 'evaluator');
  expect(await run('import', packaged, '--state-dir', state)).toMatchObject({ exitCode: 0 });
  const { keys } = JSON.parse((await run('rekey', '--state-dir', state, '-o', 'json')).stdout) as {
    keys: { search: string; validation: string };
  };
  const read = () => Promise.all([keys.search, keys.validation].map((path) => readFile(path, 'utf8')));
  const before = await read();
  const told = await run('rekey', '--state-dir', state);
  expect(told).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(keys.validation) });
  for (const [index, key] of (await read()).entries()) expect(key).not.toBe(before[index]);
  expect((await run('import', packaged, '--state-dir', state)).stdout).toMatch(/already imported/);
});

test('rekey leaves the keys alone while an evaluator works on the vault', async () => {
  const state = join(await temporary(), 'evaluator');
  await run('import', packaged, '--state-dir', state);
  const key = () => readFile(join(state, 'keys', 'labels-search.key'), 'utf8');
  const before = await key();
  const lock = await lockState(state, 'evaluator');
  const refused = await run('rekey', '--state-dir', state);
  expect(refused).toMatchObject({
    exitCode: 6,
    stderr: `evaluator (pid ${process.pid}) works on ${state}; stop it first\n`,
  });
  expect(await key()).toBe(before);
  expect((await run('import', packaged, '--state-dir', state)).exitCode).toBe(0);
  lock.release();
  expect((await run('rekey', '--state-dir', state)).exitCode).toBe(0);
  expect(await key()).not.toBe(before);
});

test('a state directory that holds the evaluator, or lies in it, is refused with the one that is meant', async () => {
  const cluster = await temporary();
  const state = join(cluster, 'evaluator');
  expect(await run('import', packaged, '--state-dir', state)).toMatchObject({ exitCode: 0 });
  const above = await run('import', packaged, '--state-dir', cluster);
  expect(above).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`${state} is; give that one`) });
  const below = await run('ls', '--state-dir', join(state, 'evaluator'));
  expect(below).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`${state} is; give that one`) });
});

test('import finds the vault through the configuration of the evaluator', async () => {
  const home = await temporary();
  const config = join(home, 'evaluator.yaml');
  await writeFile(config, `stateDirectory: ${join(home, 'state')}\nlisten: 127.0.0.1:7443\n`);
  expect(await run('import', packaged, '--config', config)).toMatchObject({ exitCode: 0 });
  expect((await run('ls', '--state-dir', join(home, 'state'))).stdout).toMatch(/^NAME .*\ndigits +log-loss/);
});

test('init writes nothing where the folder would not import', async () => {
  const directory = await plainFolder();
  const refused = await run('init', directory, '--target', 'number', '--metric', 'log-loss');
  expect(refused).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/train\.csv, line 1: the target column "number" is missing/),
  });
  await expect(readFile(join(directory, 'task.yaml'))).rejects.toThrow();
  expect(await run('init', directory, '--target', 'digit', '--metric', 'logloss')).toMatchObject({
    exitCode: 6,
    stderr: expect.stringMatching(/unknown metric "logloss". Did you mean log-loss\? Known are/),
  });
});

test('validate writes nothing and tells what agents will see', async () => {
  const shown = await run('validate', packaged, '-o', 'json');
  expect(JSON.parse(shown.stdout)).toMatchObject({
    rows: { train: 1222, search: 152, validation: 153, test: 270 },
    agentsSee: ['train.csv', 'test.csv', 'sample_submission.csv', 'description.md'],
  });
});

test('wrong words are usage errors, and a directory that is not there is not found', async () => {
  expect(await run()).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/usage/) });
  expect(await run('imprt', 'x')).toMatchObject({ exitCode: 2 });
  expect(await run('init', 'x', '--target', 'y')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/--metric/),
  });
  expect(await run('validate', packaged, '--wrong')).toMatchObject({ exitCode: 2 });
  expect(await run('validate', packaged, '-o', 'xml')).toMatchObject({ exitCode: 2 });
  expect(await run('validate', '/nowhere/at/all')).toMatchObject({
    exitCode: 3,
    stderr: expect.stringMatching(/no such directory/),
  });
  expect(await run('--help')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^usage/) });
});

test('init points at its own flags: there is no task.yaml yet that could be mended', async () => {
  const directory = await plainFolder();
  const told = async (...words: string[]): Promise<string> => (await run('init', directory, ...words)).stderr;
  const target = await told('--target', 'number', '--metric', 'log-loss');
  expect(target).toMatch(/"number" is missing.*Add the column, or name another with --target\./);
  const id = await told('--target', 'digit', '--id', 'key', '--metric', 'log-loss');
  expect(id).toMatch(/"key" is missing.*Add it, or name another column with --id\./);
  const metric = await told('--metric', 'logloss');
  const name = await told('--target', 'digit', '--metric', 'log-loss', '--name', 'No Name');
  expect(name).toMatch(/--name: name: expected lower-case.*Give a name with --name\./);
  const targets = await told('--target', 'digit', '--target', 'digit', '--metric', 'rmse');
  expect(targets).toMatch(/--target: target names the column "digit" twice/);
  for (const words of [target, id, metric, name, targets]) expect(words).not.toMatch(/task\.yaml|the line/);
});

test('init asks for the positive one of two labels that do not say it, and writes it', async () => {
  const directory = await plainFolder();
  const lines = (await readFile(join(directory, 'train.csv'), 'utf8')).trimEnd().split('\n');
  const pets = lines.map((line, row) =>
    row === 0 ? line : line.replace(/(\d)$/, (digit) => (Number(digit) % 2 ? 'cat' : 'dog')),
  );
  await writeFile(join(directory, 'train.csv'), `${pets.join('\n')}\n`);
  const ids = (await readFile(join(directory, 'sample_submission.csv'), 'utf8')).match(/^\d+(?=,)/gm) ?? [];
  await writeFile(join(directory, 'sample_submission.csv'), `id,digit\n${ids.join(',0.5\n')},0.5\n`);
  const words = ['init', directory, '--metric', 'roc-auc'];
  const unclear = await run(...words);
  expect(unclear.stderr).toMatch(/"cat" and "dog" is the positive one is not clear\. Name it with --positive\./);
  expect(unclear.stderr).not.toContain('task.yaml');
  expect(await run(...words, '--positive', 'dog')).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(directory, 'task.yaml'), 'utf8')).toContain('positive: dog\n');
});

test('help and wrong words show the forms and options of their own verb, and no list of metrics', async () => {
  const help = (await run('init', '--help')).stdout;
  for (const own of ['--metric', '--grader', '--better', '--target', '--id', '--positive', '--name', '--dry-run', '-o'])
    expect(help).toContain(`  ${own} `);
  expect(help).not.toMatch(/validate|rekey|roc-auc/);
  const told = [(await run('validate')).stderr, (await run('import')).stderr, (await run('init', 'x')).stderr];
  expect(told[0]).toMatch(/^validate takes one directory\nusage: task validate DIR .*\n {2}--no-grader/);
  expect(told[1]).toMatch(/^import takes one directory\nusage: task import DIR .*\n {2}--no-grader/);
  expect(told[2]).toMatch(/^init needs one of --metric and --grader\nusage: task init DIR/);
  for (const words of told) expect(words.match(/task (init|validate|import|ls|rekey)/g)?.length).toBeLessThan(3);
  expect((await run()).stderr).toMatch(/usage: task init[\s\S]*task validate[\s\S]*task import[\s\S]*task VERB --help/);
});
