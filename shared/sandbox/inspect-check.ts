// Compares what the engine says it made with what was asked for. Pure.
// An engine, a plug-in or a proxy in between that drops or adds anything must not give us a weaker sandbox in silence.

import type { ContainerOptions } from './container-options.ts';

/** A difference between asked and made. */
export interface Deviation {
  readonly field: string;
  readonly asked: string;
  readonly found: string;
}

/** Fields we never ask for and that would each open a way out; all must be empty. */
const mustBeEmpty = [
  'Binds',
  'CapAdd',
  'Devices',
  'DeviceCgroupRules',
  'VolumesFrom',
  'Links',
  'ExtraHosts',
  'GroupAdd',
  'PortBindings',
  'PidMode',
  'UTSMode',
  'UsernsMode',
  'CgroupParent',
  'Sysctls',
  'VolumeDriver',
  'OomKillDisable',
  'PublishAllPorts',
] as const;

type Tree = Readonly<Record<string, unknown>>;

/** All deviations of an `inspect` answer from the create request; none means that it is what was asked for. */
export function deviations(asked: ContainerOptions, inspected: unknown): Deviation[] {
  const answer = tree(inspected);
  const config = tree(answer['Config']);
  const host = tree(answer['HostConfig']);
  const found: Deviation[] = [];
  const compare = (field: string, want: unknown, have: unknown): void => {
    if (canonical(want) !== canonical(have)) found.push({ field, asked: canonical(want), found: canonical(have) });
  };
  compare('Image', asked.Image, answer['Image']);
  compare('AppArmorProfile', true, answer['AppArmorProfile'] !== 'unconfined');
  for (const key of ['User', 'Entrypoint', 'Cmd', 'WorkingDir', 'Tty', 'OpenStdin', 'StdinOnce'] as const) {
    compare(`Config.${key}`, asked[key], config[key]);
  }
  compare('Config.NetworkDisabled', true, config['NetworkDisabled']);
  for (const [name, value] of Object.entries(asked.Labels)) {
    compare(`Config.Labels.${name}`, value, tree(config['Labels'])[name]);
  }
  const environment = Array.isArray(config['Env']) ? config['Env'] : [];
  compare('Config.Env', [], [...asked.Env.filter((entry) => !environment.includes(entry))]);
  compare('Config.Volumes', undefined, config['Volumes']);
  for (const [key, value] of Object.entries(asked.HostConfig)) compare(`HostConfig.${key}`, value, host[key]);
  for (const key of mustBeEmpty) compare(`HostConfig.${key}`, undefined, host[key]);
  compare('Mounts', wantedMounts(asked), foundMounts(answer['Mounts']));
  return found;
}

/** The deviations as one sentence. */
export function describeDeviations(list: readonly Deviation[]): string {
  return list.map(({ field, asked, found }) => `${field}: asked for ${asked}, got ${found}`).join('; ');
}

function wantedMounts(asked: ContainerOptions): unknown {
  return ascending(asked.HostConfig.Mounts.map((mount) => `${mount.Type} ${mount.Source} ${mount.Target} ro`));
}

function foundMounts(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  const texts = value.map(tree).map((mount) => {
    const mode = mount['RW'] === false ? 'ro' : 'rw';
    return `${mount['Type']} ${mount['Source']} ${mount['Destination']} ${mode}`;
  });
  return ascending(texts);
}

function ascending(texts: readonly string[]): string[] {
  return texts.toSorted((left, right) => (left < right ? -1 : 1));
}

function tree(value: unknown): Tree {
  return typeof value === 'object' && value !== null ? (value as Tree) : {};
}

/** JSON with sorted keys; nothing, null, false, '', [] and {} are all "not set" for the engine. */
function canonical(value: unknown): string {
  if (value === undefined || value === null || value === false || value === '' || value === 0) return 'unset';
  if (Array.isArray(value)) return value.length === 0 ? 'unset' : `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value)
      .map(([key, part]) => [key, canonical(part)] as const)
      .filter(([, part]) => part !== 'unset')
      .sort(([left], [right]) => (left < right ? -1 : 1));
    return entries.length === 0 ? 'unset' : `{${entries.map(([key, part]) => `${key}:${part}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
