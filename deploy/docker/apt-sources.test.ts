import { expect, test } from 'vitest';
import { aptOptions, debianSources } from './apt-sources.ts';

const debian = `Types: deb
# a comment
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg`;
const other = `Types: deb
URIs: http://vendor.example/
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg`;

test('stanzas of Debian itself are kept, those of vendors and other suites are not', () => {
  const trixie = debian.replaceAll('bookworm', 'trixie');
  const text = [debian, other, trixie, `${debian}\nEnabled: no`].join('\n\n');
  expect(debianSources('debian.sources', text, 'bookworm')).toBe(`${debian}\n`);
  expect(debianSources('vendor.sources', other, 'bookworm')).toBe('');
});

test('one-line sources are kept by the same rule', () => {
  const lines = [
    'deb http://archive.example/debian bookworm main',
    'deb [signed-by=/usr/share/keyrings/vendor.gpg] http://vendor.example bookworm main',
    '# deb http://archive.example/debian bookworm main',
    'deb-src http://archive.example/debian bookworm main',
    'deb http://archive.example/debian bookworm-updates main contrib',
    'deb http://archive.example/debian sid main',
  ];
  expect(debianSources('sources.list', lines.join('\n'), 'bookworm')).toBe(`${lines[0]}\n${lines[4]}\n`);
});

test('proxies reach the new image, other settings do not', () => {
  const dump =
    'APT::Architecture "amd64";\nAcquire::http::Proxy "http://proxy.example:3128";\nAcquire::Languages "none";\n';
  expect(aptOptions(dump)).toEqual(['Acquire::http::Proxy "http://proxy.example:3128"']);
});
