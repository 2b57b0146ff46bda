import { expect, test } from 'vitest';
import { readListing } from './listing.ts';

const hash = 'b'.repeat(64);
const base = 'https://index.example/simple/tool/';

test('JSON listings give wheels with their hashes; yanked ones and those without a hash are left out', () => {
  const file = (filename: string, more: object) => ({
    filename,
    url: `../../f/${filename}`,
    hashes: { sha256: hash },
    ...more,
  });
  const files = [
    file('tool-1-py3-none-any.whl', { 'requires-python': '>=3.9', yanked: false }),
    file('tool-2-py3-none-any.whl', { yanked: 'broken' }),
    file('tool-3-py3-none-any.whl', { hashes: {} }),
    file('tool-4-py3-none-any.whl', { url: 'file:///etc/passwd' }),
  ];
  expect(readListing(JSON.stringify({ files }), 'application/vnd.pypi.simple.v1+json', base)).toEqual([
    {
      fileName: 'tool-1-py3-none-any.whl',
      url: 'https://index.example/f/tool-1-py3-none-any.whl',
      sha256: hash,
      requiresPython: '>=3.9',
    },
  ]);
});

test('HTML listings are read alike', () => {
  const anchor = (name: string, more = '', fragment = `#sha256=${hash}`): string =>
    `<a ${more} href="../../f/${name}${fragment}">${name}</a><br>`;
  const page = [
    anchor('tool-1-py3-none-any.whl', 'data-requires-python="&gt;=3.9"'),
    anchor('tool-2-py3-none-any.whl', 'data-yanked="broken"'),
    anchor('tool-3-py3-none-any.whl', '', '#md5=abc'),
  ].join('\n');
  expect(readListing(page, 'text/html; charset=utf-8', base)).toEqual([
    {
      fileName: 'tool-1-py3-none-any.whl',
      url: 'https://index.example/f/tool-1-py3-none-any.whl',
      sha256: hash,
      requiresPython: '>=3.9',
    },
  ]);
});
