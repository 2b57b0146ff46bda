import { expect, test } from 'vitest';
import { componentsOf, runtimeAdvisories } from './runtime-advisories.ts';

const cves = (name: string, version: string): string[] => runtimeAdvisories([{ name, version }]).map(({ cve }) => cve);
const races = ['CVE-2025-31133', 'CVE-2025-52565', 'CVE-2025-52881'];

test.each([
  ['1.0.0-rc6', ['CVE-2019-5736', 'CVE-2021-30465', 'CVE-2024-21626', ...races]],
  ['1.0.0-rc94', ['CVE-2021-30465', 'CVE-2024-21626', ...races]],
  ['1.0.3', ['CVE-2024-21626', ...races]],
  ['1.1.11', ['CVE-2024-21626', ...races]],
  ['1.1.12', races],
  ['1.1.5+ds1-1', ['CVE-2024-21626', ...races]],
  ['1.1.5+ds1-1+deb12u1', races],
  ['1.1.5+ds1-1+deb12u12', races],
  ['1.2.7', races],
  ['v1.2.8', []],
  ['1.3.2', races],
  ['1.3.3', []],
  ['1.4.0-rc.2', races],
  ['1.4.0-rc.3', []],
  ['1.4.0', []],
  ['2.0.0', []],
  ['unknown', []],
] as const)('runc %s', (version, expected) => {
  expect(cves('runc', version)).toEqual(expected);
});

test('other components have their own, and the sentence names version, fix and what may be', () => {
  expect(cves('containerd', '1.6.0')).toEqual(['CVE-2022-23648']);
  expect(cves('containerd', '1.6.20~ds1')).toEqual([]);
  expect(cves('Engine', '20.10.24+dfsg1')).toEqual([]);
  const [first] = runtimeAdvisories([{ name: 'runc', version: '1.1.5+ds1-1' }]);
  expect(first?.text).toBe(
    'runc 1.1.5+ds1-1 has CVE-2024-21626: a leaked descriptor leads out of a container. It is mended in 1.1.12; see whether your distribution has mended its package',
  );
});

test('components are read out of an answer, by the version of the package where that is told', () => {
  const Components = [
    { Name: 'Engine', Version: '20.10.24+dfsg1', Details: { GitCommit: '5d6db84' } },
    { Name: 'runc', Version: '1.1.5+ds1', Details: { GitCommit: '1.1.5+ds1-1+deb12u1' } },
    { Name: 'runc', Version: '1.2.5', Details: { GitCommit: 'v1.2.5-0-g59923ef' } },
  ];
  expect(componentsOf({ Components }).map(({ version }) => version)).toEqual([
    '20.10.24+dfsg1',
    '1.1.5+ds1-1+deb12u1',
    '1.2.5',
  ]);
  expect(componentsOf('nonsense')).toEqual([]);
});
