// One path, many places: units, tmpfiles, the configuration's defaults, the examples and the pages for operators have to agree on where
// keys lie and who may read them. Where they do not, a daemon that was set up by the book does not start.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { present } from '../../shared/core/assert.ts';
import { loadConfig } from '../../shared/daemon/config.ts';
import { fencedBlocks, shellBlocks } from '../../test/support/document-blocks.ts';
import { documentPaths } from '../../test/support/documents.ts';
import { daemonSchemas } from '../bin/daemon-schemas.ts';

const here = import.meta.dirname;
const examples = join(here, '../debian/examples');
const read = (path: string): string => readFileSync(path, 'utf8');

/** The values of a setting of a unit, `%t` and `%C` written out. */
function settings(unit: string, name: string): string[] {
  return [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value.replaceAll('%t', '/run'));
}
const setting = (unit: string, name: string): string => present(settings(unit, name)[0], name);

type Role = keyof typeof daemonSchemas;
const roles = Object.keys(daemonSchemas) as Role[];
const unitOf = (role: Role): string => read(join(here, `doubleblind-${role}.service`));
const withCertificate = roles.filter((role) => role !== 'sandbox-proxy');

/** Lines of tmpfiles.d: type, path, mode, user, group. */
const tmpfiles = read(join(here, 'doubleblind.tmpfiles'))
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [type = '', path = '', mode = '', user = '', group = ''] = line.split(/\s+/);
    return { type, path, mode, user, group };
  });

/** `install -o USER -g GROUP -m MODE FROM TO`, run as root. */
function copyOf(line: string): {
  readonly user: string;
  readonly mode: string;
  readonly from: string;
  readonly to: string;
} {
  const form = /^\+\/usr\/bin\/install -o (\S+) -g (\S+) -m (\d+) (\S+) (\S+)$/;
  const [, user = '', group = '', mode = '', from = '', to = ''] = present(form.exec(line), line);
  expect(group).toBe(user);
  return { user, mode, from, to };
}

test('each unit copies the key of its own role for its own user, to where its daemon is told that it is', () => {
  for (const role of withCertificate) {
    const unit = unitOf(role);
    const copy = copyOf(setting(unit, 'ExecStartPre'));
    expect(setting(unit, 'ExecReload'), 'a reload copies the same').toBe(setting(unit, 'ExecStartPre'));
    expect(copy).toMatchObject({ user: setting(unit, 'User'), mode: '0400' });
    expect(dirname(copy.to)).toBe(`/run/${setting(unit, 'RuntimeDirectory')}`);
    const words = setting(unit, 'ExecStart').split(' ');
    const at = (flag: string): string => words[words.indexOf(flag) + 1] ?? '';
    expect(at('--tls-key')).toBe(copy.to);
    expect(at('--config')).toBe(setting(unit, 'ConditionPathExists'));
    // The file that `pki issue ROLE` writes and that the daemon would take by itself.
    expect(copy.from).toBe(defaultsOf(role).tls.key);
    expect(basename(copy.from)).toBe(`${role}.key`);
  }
});

/** The paths of an installed daemon whose file says nothing of them: those of its example. */
function defaultsOf(role: Role): {
  readonly tls: { readonly ca: string; readonly certificate: string; readonly key: string };
} {
  const argv = ['--config', join(examples, `${role}.yaml`)];
  return loadConfig({ role, schema: daemonSchemas[role], argv, env: {} }) as ReturnType<typeof defaultsOf>;
}

test('every example is taken by its daemon, and none names a key or a state directory of its own', () => {
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));
  expect(files.map((name) => name.replace('.yaml', '')).sort(byText)).toEqual([...roles].sort(byText));
  for (const role of roles) {
    const config = loadConfig({
      role,
      schema: daemonSchemas[role],
      argv: ['--config', join(examples, `${role}.yaml`)],
      env: {},
    });
    if (role !== 'sandbox-proxy')
      expect((config as { stateDirectory: string }).stateDirectory).toBe(
        `/var/lib/${setting(unitOf(role), 'StateDirectory')}`,
      );
    const document = parse(read(join(examples, `${role}.yaml`))) as object;
    expect(Object.keys(document), role).not.toContain('tls');
    expect(read(join(examples, `${role}.yaml`)).split('\n')[0]).toContain(`/etc/doubleblind/${role}.yaml`);
  }
});

test("the example's dashboard asks for a token, and says how to make it as the page does", () => {
  const example = read(join(examples, 'coordinator.yaml'));
  const { dashboard } = parse(example) as { readonly dashboard: { readonly tokenFile?: string } };
  expect(dashboard.tokenFile).toBe('/etc/doubleblind/dashboard.token');
  const [block, ...others] = shellBlocks('docs/operations.md').filter(({ text }) => text.includes('dashboard.token'));
  expect(others).toEqual([]);
  const commands = (block?.text ?? '').split('\n').filter((line) => line !== '' && !line.trim().startsWith('#'));
  expect(commands.length).toBe(2);
  for (const command of commands) expect(example).toContain(`#   ${command.trim()}`);
});

test('only root reads what lies in the directories of keys, and tmpfiles makes every directory that a unit reads', () => {
  const known = new Map(tmpfiles.map((line) => [line.path, line]));
  expect(known.get('/etc/doubleblind/pki/*.key')).toMatchObject({
    type: 'z',
    mode: '0600',
    user: 'root',
    group: 'root',
  });
  expect(known.get('/etc/doubleblind/keys')).toMatchObject({ type: 'd', mode: '0700', user: 'root' });
  for (const role of roles) {
    const unit = unitOf(role);
    const paths = [...unit.matchAll(/^(?:ExecStartPre|ExecReload|LoadCredential)=.*?(\/etc\/doubleblind\/\S+)/gm)];
    for (const [, path = ''] of paths)
      expect(known.has(path) || known.has(dirname(path)), `${role}: ${path}`).toBe(true);
  }
  // A file that a daemon reads by itself is its own group's and nobody else's.
  const own = tmpfiles.filter(({ group }) => group.startsWith('doubleblind-'));
  expect(own.length).toBeGreaterThan(0);
  for (const { path, mode, user, group } of own) {
    expect([mode, user], path).toEqual(['0640', 'root']);
    expect(
      roles.map((role) => setting(unitOf(role), 'Group')),
      path,
    ).toContain(group);
  }
});

test('a file that examples and pages tell a daemon to read is one that it can read', () => {
  const credentials = new Map(
    roles.map((role) => [
      `doubleblind-${role}.service`,
      settings(unitOf(role), 'LoadCredential').map((one) => one.split(':')[0] ?? ''),
    ]),
  );
  const texts = [
    ...roles.map((role) => [`${role}.yaml`, read(join(examples, `${role}.yaml`))] as const),
    ...documentPaths().flatMap((path) =>
      fencedBlocks(path)
        .filter(({ language }) => language === 'yaml')
        .map(({ text, line }) => [`${path}:${line}`, text] as const),
    ),
  ];
  const readable = new Set(tmpfiles.filter(({ group }) => group.startsWith('doubleblind-')).map(({ path }) => path));
  const told = texts.flatMap(([where, text]) =>
    [...text.matchAll(/\b(\w+File): (\S+)/g)].map(([, name, path = '']) => ({ where: `${where} ${name}`, path })),
  );
  expect(told.length).toBeGreaterThan(2);
  for (const { where, path } of told) {
    const [, unit = '', credential = ''] = /^\/run\/credentials\/([^/]+)\/(\S+)$/.exec(path) ?? [];
    // Files of a directory that is loaded whole are named DIRECTORY_FILE.
    const loaded = (credentials.get(unit) ?? []).some(
      (name) => credential === name || credential.startsWith(`${name}_`),
    );
    expect(loaded || readable.has(path), `${where}: ${path}`).toBe(true);
  }
});

test("nats-server's key is where its configuration is told that it is, in the drop-in and the page", () => {
  const dropIn = read(join(examples, 'nats-server.conf'));
  const copy = copyOf(setting(dropIn, 'ExecStartPre'));
  expect(settings(dropIn, 'ExecReload')).toContain(setting(dropIn, 'ExecStartPre'));
  expect(copy).toMatchObject({ user: 'nats', from: '/etc/doubleblind/pki/nats.key' });
  expect(dirname(copy.to)).toBe(`/run/${setting(dropIn, 'RuntimeDirectory')}`);
  for (const path of ['docs/operations.md', 'deploy/debian/examples/nats-server.conf'])
    expect(read(join(here, '../..', path)), path).toContain(`--key ${copy.to}`);
  const commands = shellBlocks('docs/operations.md').filter(({ text }) => text.includes('config nats'));
  expect(commands.length).toBeGreaterThan(1);
  for (const { text, line } of commands) expect(text, `line ${line}`).toContain(`--key ${copy.to}`);
});

test('what the page has operators write is at a path that a unit, tmpfiles or a daemon knows', () => {
  const known = [
    ...tmpfiles.map(({ path }) => path),
    ...roles.map((role) => `/etc/doubleblind/${role}.yaml`),
    // The operator's own, each explained where it stands.
    ...['/etc/doubleblind/labels', '/etc/doubleblind/network.nft', '/etc/doubleblind/ROLE.yaml'],
  ];
  for (const path of documentPaths().filter((name) => !name.endsWith('configuration.md'))) {
    for (const [, named = ''] of read(path).matchAll(/(\/etc\/doubleblind[\w./*-]*)/g)) {
      const plain = named.replace(/[./]+$/, '');
      const held = known.some((one) => plain === one || dirname(plain) === one);
      expect(held, `${path}: ${named}`).toBe(true);
    }
  }
});

function byText(left: string, right: string): number {
  return left < right ? -1 : 1;
}
