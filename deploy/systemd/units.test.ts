// The units as systemd itself reads them: without a complaint, and confined as far as their work allows.

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeFlags } from '../../shared/daemon/node-flags.ts';

const services = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.service'));
const root = mkdtempSync(join(tmpdir(), 'doubleblind-units-'));
const hasSystemd = existsSync('/usr/bin/systemd-analyze');

/**
 * Worst exposure that systemd-analyze may find, of 10. Two have what the others have not: the gpu-agent the GPUs' devices, and
 * the sandbox proxy the engine's socket (a supplementary group and no user name space of its own).
 */
const worst: Readonly<Record<string, number>> = {
  // It has to see processes of sandboxes.
  'doubleblind-gpu-agent.service': 1.7,
  'doubleblind-sandbox-proxy.service': 1.5,
};

beforeAll(() => {
  const place = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (const program of ['usr/lib/doubleblind/bin/node', 'usr/bin/install']) {
    place(program, '#!/bin/sh\n');
    chmodSync(join(root, program), 0o755);
  }
  place('usr/share/doc/doubleblind/operations.md', '');
  place(
    'etc/passwd',
    services.map((name, index) => `${name.replace('.service', '')}:x:${900 + index}:900::/:/bin/false\n`).join(''),
  );
  for (const name of readdirSync('/lib/systemd/system').filter((unit) =>
    /^(sysinit|basic|shutdown|network-online|network|multi-user)\.target$/.test(unit),
  )) {
    mkdirSync(join(root, 'lib/systemd/system'), { recursive: true });
    cpSync(join('/lib/systemd/system', name), join(root, 'lib/systemd/system', name));
  }
  for (const name of readdirSync(import.meta.dirname).filter((unit) => /\.(service|target)$/.test(unit))) {
    cpSync(join(import.meta.dirname, name), join(root, 'lib/systemd/system', name));
  }
  place(
    'lib/systemd/system/docker.service',
    '[Unit]\nDescription=Docker\n[Service]\nExecStart=/usr/lib/doubleblind/bin/node\n',
  );
});

afterAll(() => rmSync(root, { recursive: true }));

test.runIf(hasSystemd)('systemd reads every unit without a complaint', () => {
  const units = [...services, 'doubleblind.target'];
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', `--root=${root}`, ...units], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test.runIf(hasSystemd)('no unit is more exposed than its work asks for', () => {
  for (const name of services) {
    const words = ['security', '--offline=true', '--no-pager', join(import.meta.dirname, name)];
    const text = execFileSync('systemd-analyze', words, { encoding: 'utf8' });
    const exposure = Number(/exposure level for [\w.-]+: ([\d.]+)/.exec(text)?.[1]);
    expect(exposure, name).toBeLessThanOrEqual(worst[name] ?? 1.5);
  }
});

test('every daemon has a unit, a user and a state directory of its own', () => {
  const users = readFileSync(join(import.meta.dirname, 'doubleblind.sysusers'), 'utf8');
  expect(services).toHaveLength(5);
  for (const name of services.filter((service) => !service.includes('sandbox-proxy'))) {
    const unit = readFileSync(join(import.meta.dirname, name), 'utf8');
    const role = name.slice('doubleblind-'.length, -'.service'.length);
    expect(unit).toContain(`User=doubleblind-${role}\n`);
    expect(unit).toContain(`StateDirectory=doubleblind/${role}\n`);
    expect(users).toContain(`u doubleblind-${role} `);
    const folder = /lib\/doubleblind\/([\w-]+)\/main\.ts/.exec(unit)?.[1] ?? '';
    expect(existsSync(join(import.meta.dirname, '../..', folder, 'main.ts')), folder).toBe(true);
  }
});

test('only the sandbox proxy may reach the engine, and it has nothing else to do with the world', () => {
  for (const name of services) {
    const unit = readFileSync(join(import.meta.dirname, name), 'utf8');
    expect(/^SupplementaryGroups=docker$/m.test(unit), name).toBe(name === 'doubleblind-sandbox-proxy.service');
  }
  const proxy = readFileSync(join(import.meta.dirname, 'doubleblind-sandbox-proxy.service'), 'utf8');
  expect(proxy).toContain('PrivateNetwork=yes\n');
  expect(proxy).toContain('RestrictAddressFamilies=AF_UNIX\n');
  expect(proxy).toMatch(/^Group=doubleblind-gpu-agent$/m);
  expect(proxy).not.toMatch(/LoadCredential|StateDirectory=/);
  expect(existsSync(join(import.meta.dirname, '../../gpu-agent/socket-proxy/main.ts'))).toBe(true);
});

test('a unit gives Node the flags that every daemon of its kind is started with', () => {
  for (const name of services) {
    const unit = readFileSync(join(import.meta.dirname, name), 'utf8');
    const role = name.slice('doubleblind-'.length, -'.service'.length);
    const given = /^ExecStart=\S+\/node(.*?) \/usr\/lib\/doubleblind\//m.exec(unit)?.[1]?.trim() ?? 'none found';
    expect(given, name).toBe((nodeFlags[role] ?? []).join(' '));
  }
});
