// One frozen configuration object from defaults, a YAML file, the environment and flags, each before the one that follows.
// The only door to yaml outside of the task importer.
// A leaf at tls.certificate is the key `tls: { certificate: … }` of the file, DOUBLEBLIND_TLS_CERTIFICATE and --tls-certificate.
// Invariants:
// 1. An unknown key or flag is refused, with the nearest known one named.
// 2. All problems are found in one go; what a file that cannot be read or parsed may have said is not missed.
// 3. Every value has one origin, which `describeConfig` tells; what another source says otherwise is told too, never dropped unseen.

import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parseDocument, parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { editDistance } from '../core/edit-distance.ts';
import { leavesOf, type SchemaNode, schemaNode } from './config-schema.ts';

export interface ConfigSource<Schema extends z.ZodType> {
  /** Names the default file, /etc/doubleblind/<role>.yaml. */
  readonly role: string;
  readonly schema: Schema;
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files to look for where no --config FILE is given; the first that exists is read. */
  readonly files?: readonly string[];
}

export interface ConfigRow {
  /** Path such as tls.certificate. */
  readonly key: string;
  /** The value as JSON, or `(redacted)`. */
  readonly value: string;
  /** `default`, a file's path, an environment variable or a flag. */
  readonly origin: string;
  /** What weaker sources say otherwise, and to no effect. */
  readonly overridden: readonly Said[];
}

/** A value, and who says so. */
export interface Said {
  readonly origin: string;
  /** The value as JSON, or `(redacted)`. */
  readonly value: string;
}

/** Everything that is wrong with a configuration, one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Somebody asked for the flags instead of the daemon; the message is the answer. */
export class UsageAsked extends Error {
  override readonly name = 'UsageAsked';
}

/** The configuration, checked and frozen; throws `ConfigError`, and `UsageAsked` where the flags have --help. */
export function loadConfig<Schema extends z.ZodType>(source: ConfigSource<Schema>): z.output<Schema> {
  if (source.argv.some((flag) => flag === '--help' || flag === '-h')) throw new UsageAsked(usageOf(source));
  const { config, lost } = resolveConfig(source);
  overridden.set(
    config as object,
    [...lost].flatMap(([key, said]) => said.map((one) => ({ key, ...one }))),
  );
  return config;
}

const overridden = new WeakMap<object, readonly (Said & { readonly key: string })[]>();

/** What sources of a loaded configuration say to no effect, for the log of a daemon. */
export function overriddenIn(config: object): readonly (Said & { readonly key: string })[] {
  return overridden.get(config) ?? [];
}

/** Every value with its origin; values that look like secrets are not shown. */
export function describeConfig<Schema extends z.ZodType>(source: ConfigSource<Schema>): ConfigRow[] {
  const { config, origins, lost, root } = resolveConfig(source);
  return leavesOf(root).map(({ path }) => {
    const value = at(config, path);
    const key = path.join('.');
    return { key, value: redacted(key, value), origin: origins.get(key) ?? 'default', overridden: lost.get(key) ?? [] };
  });
}

/** Every flag with what it sets. */
function usageOf({ role, schema }: ConfigSource<z.ZodType>): string {
  const flags = leavesOf(schemaNode(schema)).map(({ path, node }) => `  ${flagName(path)}\n      ${node.description}`);
  return [
    `The daemon ${role}. It reads /etc/doubleblind/${role}.yaml, then the environment (DOUBLEBLIND_LOG_LEVEL sets logLevel), then`,
    'flags; what comes later wins. `doubleblind config show` and `config check` tell what it would run with.',
    '',
    '  --config\n      the file to read instead',
    ...flags,
  ].join('\n');
}

interface Resolved<Schema extends z.ZodType> {
  readonly config: z.output<Schema>;
  readonly origins: ReadonlyMap<string, string>;
  /** By key. */
  readonly lost: ReadonlyMap<string, readonly Said[]>;
  readonly root: SchemaNode;
}

type Tree = Record<string, unknown>;

function resolveConfig<Schema extends z.ZodType>(source: ConfigSource<Schema>): Resolved<Schema> {
  const problems: string[] = [];
  const origins = new Map<string, string>();
  const lost = new Map<string, Said[]>();
  const root = schemaNode(source.schema);
  const flags = parseFlags(source.argv, root, problems);
  const told = problems.length;
  const file = readConfigFile(flags.configFile ?? source.env['DOUBLEBLIND_CONFIG'], source, problems);
  if (problems.length > told) throw new ConfigError(problems);
  const tree: Tree = {};
  if (file !== undefined) mergeFile(file.content, root, tree, { file: file.path, path: [], origins, problems });
  for (const leaf of leavesOf(root)) {
    const key = leaf.path.join('.');
    const variable = `DOUBLEBLIND_${leaf.path.map(snakeCase).join('_')}`;
    const flag = flagName(leaf.path);
    for (const [text, origin] of [
      [source.env[variable], variable],
      [flags.values.get(flag), flag],
    ] as const) {
      if (text === undefined) continue;
      const value = fromText(text, leaf.node);
      const [before, weaker] = [at(tree, leaf.path), origins.get(key)];
      if (weaker !== undefined && !isDeepStrictEqual(before, value)) {
        lost.set(key, [...(lost.get(key) ?? []), { origin: weaker, value: redacted(key, before) }]);
      }
      origins.set(key, origin);
      setAt(tree, leaf.path, value);
    }
  }
  fillObjects(tree, root);
  const parsed = source.schema.safeParse(tree);
  for (const issue of parsed.error?.issues ?? []) problems.push(describeIssue(issue, origins, root, source.role));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return { config: deepFreeze(parsed.data), origins, lost, root };
}

function describeIssue(
  issue: z.core.$ZodIssue,
  origins: ReadonlyMap<string, string>,
  root: SchemaNode,
  role: string,
): string {
  const key = issue.path.join('.');
  const leaf = leavesOf(root).find(({ path }) => key === path.join('.') || key.startsWith(`${path.join('.')}.`));
  const origin = leaf === undefined ? undefined : origins.get(leaf.path.join('.'));
  if (origin !== undefined) return `${key}: ${issue.message} (from ${origin})`;
  if (leaf === undefined) return key === '' ? issue.message : `${key}: ${issue.message}`;
  return `${key} is missing: set it in /etc/doubleblind/${role}.yaml or with ${flagName(leaf.path)}`;
}

function parseFlags(
  argv: readonly string[],
  root: SchemaNode,
  problems: string[],
): { values: Map<string, string>; configFile: string | undefined } {
  const known = new Map(leavesOf(root).map((leaf) => [flagName(leaf.path), leaf]));
  const values = new Map<string, string>();
  for (let index = 0; index < argv.length; index += 1) {
    const [flag = '', inline] = splitFlag(argv[index] ?? '');
    const leaf = known.get(flag);
    if (leaf === undefined && flag !== '--config') {
      problems.push(`${flag} is not a known flag${nearest(flag, [...known.keys(), '--config'])}`);
      // Its value, where it has one, is not another mistake.
      if (inline === undefined && argv[index + 1]?.startsWith('--') === false) index += 1;
      continue;
    }
    const next = argv[index + 1];
    const nextIsValue = inline === undefined && next !== undefined && !next.startsWith('--');
    if (nextIsValue) index += 1;
    const value = inline ?? (nextIsValue ? next : leaf?.node.kind === 'other' ? 'true' : undefined);
    if (value === undefined) problems.push(`${flag} needs a value`);
    else values.set(flag, value);
  }
  return { values, configFile: values.get('--config') };
}

function splitFlag(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=');
  return equals < 0 ? [argument, undefined] : [argument.slice(0, equals), argument.slice(equals + 1)];
}

function readConfigFile(
  asked: string | undefined,
  source: ConfigSource<z.ZodType>,
  problems: string[],
): { path: string; content: unknown } | undefined {
  const candidates = asked === undefined ? (source.files ?? [`/etc/doubleblind/${source.role}.yaml`]) : [asked];
  for (const path of candidates) {
    const text = readText(path, asked !== undefined, problems);
    if (text === undefined) continue;
    const document = parseDocument(text, { prettyErrors: true });
    for (const error of document.errors) problems.push(`${path}: ${error.message.split('\n')[0]}`);
    if (document.errors.length > 0) return undefined;
    return { path, content: document.toJS() ?? {} };
  }
  return undefined;
}

function readText(path: string, required: boolean, problems: string[]): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (required || code !== 'ENOENT') problems.push(`cannot read the configuration file ${path} (${String(code)})`);
    return undefined;
  }
}

interface FileContext {
  readonly file: string;
  readonly path: readonly string[];
  readonly origins: Map<string, string>;
  readonly problems: string[];
}

function mergeFile(content: unknown, node: SchemaNode, tree: Tree, context: FileContext): void {
  const { file, path, origins, problems } = context;
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`${file}: ${path.length === 0 ? 'the file' : path.join('.')} should be a mapping of keys`);
    return;
  }
  for (const [name, value] of Object.entries(content)) {
    const key = [...path, name].join('.');
    const child = node.members.get(name);
    if (child === undefined) {
      problems.push(`${file}: ${key} is not a known key${nearest(name, [...node.members.keys()])}`);
    } else if (child.kind === 'object') {
      const inner: Tree = {};
      tree[name] = inner;
      mergeFile(value ?? {}, child, inner, { ...context, path: [...path, name] });
    } else {
      tree[name] = value;
      origins.set(key, file);
    }
  }
}

/** Objects whose members all have defaults need not be written. */
function fillObjects(tree: Tree, node: SchemaNode): void {
  for (const [name, child] of node.members) {
    if (child.kind !== 'object') continue;
    if (tree[name] === undefined && child.omissible) continue;
    tree[name] ??= {};
    fillObjects(tree[name] as Tree, child);
  }
}

function fromText(text: string, node: SchemaNode): unknown {
  if (node.kind === 'text') return text;
  if (node.kind === 'list') return text === '' ? [] : text.split(',').map((item) => item.trim());
  try {
    return parseYaml(text);
  } catch {
    // The schema will say what it wanted instead.
    return text;
  }
}

function at(tree: unknown, path: readonly string[]): unknown {
  return path.reduce((inner, name) => (inner as Tree | undefined)?.[name], tree);
}

function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const parent = path.slice(0, -1).reduce<Tree>((inner, name) => {
    inner[name] ??= {};
    return inner[name] as Tree;
  }, tree);
  parent[path.at(-1) ?? ''] = value;
}

function flagName(path: readonly string[]): string {
  return `--${path.map((name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)).join('-')}`;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

function redacted(key: string, value: unknown): string {
  if (isSecret(key, value)) return '(redacted)';
  return JSON.stringify(value, (name, inner: unknown) => (isSecret(name, inner) ? '(redacted)' : inner));
}

/** A number is no secret of ours: `limits.tokens` counts what a model may write. */
function isSecret(key: string, value: unknown): boolean {
  return typeof value !== 'number' && /(password|secret|token|apikey|credential)s?$/i.test(key);
}

function nearest(name: string, known: readonly string[]): string {
  const close = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, candidate.length / 4))
    .sort((left, right) => left.distance - right.distance)[0];
  return close === undefined ? '' : `; did you mean ${close.candidate}?`;
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
