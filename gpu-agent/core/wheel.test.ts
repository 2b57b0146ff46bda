import { expect, test } from 'vitest';
import { normalName, projectOfWheel, readLock } from './wheel.ts';

const hash = 'a'.repeat(64);

test('wheels are known by their names, and nothing else is one', () => {
  expect(projectOfWheel('Fancy_Trees-1.0-py3-none-any.whl')).toBe('fancy-trees');
  expect(projectOfWheel('numpy-2.0.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl')).toBe('numpy');
  expect(projectOfWheel('tool-1.0-1-py3-none-any.whl')).toBe('tool');
  for (const name of [
    'tool-1.0.tar.gz',
    '../tool-1.0-py3-none-any.whl',
    'tool.whl',
    'a b-1-py3-none-any.whl',
    '.whl',
  ]) {
    expect(projectOfWheel(name)).toBeUndefined();
  }
  expect(normalName('Ruamel.yaml__x')).toBe('ruamel-yaml-x');
});

test('a lock is put in order, and may be empty', () => {
  const text = `# comment\nb==2 --hash=sha256:${hash}\n\n a==1.0+cu1 --hash=sha256:${hash}\r\n`;
  expect(readLock(text)).toEqual({
    ok: true,
    value: `a==1.0+cu1 --hash=sha256:${hash}\nb==2 --hash=sha256:${hash}\n`,
  });
  expect(readLock('\n')).toEqual({ ok: true, value: '' });
});

test.each([
  ['a version without a hash', 'a==1'],
  ['an address', `a @ http://elsewhere/a.whl --hash=sha256:${hash}`],
  ['an option', `--index-url http://elsewhere`],
  ['an option behind a package', `a==1 --hash=sha256:${hash} --index-url=http://elsewhere`],
  ['another lock', '-r /etc/passwd'],
  ['a short hash', `a==1 --hash=sha256:${hash.slice(1)}`],
  ['a name that is an option', `-a==1 --hash=sha256:${hash}`],
  ['a line that goes on', `a==1 \\\n --hash=sha256:${hash}`],
  ['the same package twice', `A_b==1 --hash=sha256:${hash}\na-B==2 --hash=sha256:${hash}`],
  ['too many packages', Array.from({ length: 201 }, (_, index) => `p${index}==1 --hash=sha256:${hash}`).join('\n')],
])('a lock with %s is refused', (_what, text) => {
  expect(readLock(text).ok).toBe(false);
});
