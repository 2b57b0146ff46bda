// docs/configuration.md: every key of every daemon, from the schemas that read it. A key without a description is an error,
// so that nobody adds one that operators cannot find.

import { z } from 'zod';

/** The part of JSON Schema that the daemons' schemas come out as. */
interface Shape {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly required?: readonly string[];
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly oneOf?: readonly Shape[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

interface Key {
  readonly path: string;
  readonly shape: Shape;
  readonly required: boolean;
}

const preamble = `# Configuration

<!-- Made by \`npm run generate\` from the schemas that the daemons read. Do not edit. -->

Each daemon reads \`/etc/doubleblind/ROLE.yaml\` (another file by \`--config FILE\` or \`DOUBLEBLIND_CONFIG\`), then the environment,
then flags; what comes later wins. A key \`tls.certificate\` is

- in the file \`tls: { certificate: … }\`,
- in the environment \`DOUBLEBLIND_TLS_CERTIFICATE\`,
- as a flag \`--tls-certificate\`.

Lists of texts are split at commas there; keys with \`[]\` are of the file alone. Times and sizes are numbers with their unit in the name. An unknown key is
refused, and all that is wrong is told at once (exit code 2). \`doubleblind config show ROLE --origin\` prints every setting with
where it comes from; \`doubleblind config check\` reads the files and starts nothing. Secrets are never values here, but paths of
files.
`;

/** The page, from the schema of each role. */
export function renderConfiguration(schemas: Readonly<Record<string, z.ZodType>>): string {
  const parts = Object.entries(schemas).map(([role, schema]) => {
    const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape;
    const rows = keysOf(shape, '', role).map(renderKey);
    return `\n## ${role}\n\n| key | values | default | what it is |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${preamble}${parts.join('')}`;
}

function keysOf(shape: Shape, prefix: string, role: string): Key[] {
  return Object.entries(shape.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    if (member.properties !== undefined) return keysOf(member, `${path}.`, role);
    if (member.description === undefined) {
      throw new Error(`${role}: the key ${path} has no description; add .describe('…') at the end of its schema`);
    }
    const key: Key = { path, shape: member, required: shape.required?.includes(name) === true };
    return [key, ...elementKeys(member, path, role)];
  });
}

/** The keys of a list's elements, which may be of several kinds. */
function elementKeys(list: Shape, path: string, role: string): Key[] {
  const element = list.items;
  if (element === undefined) return [];
  const kinds = element.oneOf ?? [element];
  return kinds.flatMap((kind) => {
    const tag = Object.entries(kind.properties ?? {}).find(([, member]) => member.const !== undefined)?.[1].const;
    return keysOf(kind, tag === undefined ? `${path}[].` : `${path}[${String(tag)}].`, role);
  });
}

function renderKey({ path, shape, required }: Key): string {
  const preset =
    shape.default === undefined
      ? required
        ? '**must be set**'
        : 'none'
      : `\`${JSON.stringify(shape.default).replace(/^"(.*)"$/, (_, text: string) => (text === '' ? '""' : text))}\``;
  return `| \`${path}\` | ${valuesOf(shape)} | ${preset} | ${(shape.description ?? '').replaceAll('|', '\\|')} |`;
}

const otherTypes: Readonly<Record<string, string>> = {
  boolean: 'true, false',
  object: 'mapping of texts',
  string: 'text',
};

function valuesOf(shape: Shape): string {
  if (shape.title !== undefined) return shape.title;
  if (shape.const !== undefined) return shape.const === '' ? 'empty' : `\`${String(shape.const)}\``;
  if (shape.enum !== undefined)
    return shape.enum.map((one) => (one === '' ? 'empty' : `\`${String(one)}\``)).join(', ');
  if (shape.anyOf !== undefined) return shape.anyOf.map(valuesOf).join(' or ');
  if (shape.type === 'array') {
    const { items } = shape;
    return items === undefined || items.oneOf !== undefined || items.properties !== undefined
      ? 'list, see below'
      : `list of ${valuesOf(items)}`;
  }
  if (shape.type === 'integer' || shape.type === 'number') return numbers(shape);
  return otherTypes[shape.type ?? ''] ?? '';
}

function numbers({ type, minimum, exclusiveMinimum, maximum }: Shape): string {
  const from =
    minimum !== undefined ? `${minimum} or more` : exclusiveMinimum !== undefined ? `above ${exclusiveMinimum}` : '';
  const bounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const range =
    bounded && minimum !== undefined ? `${minimum} to ${maximum}` : bounded ? `${from}, at most ${maximum}` : from;
  return `${type === 'integer' ? 'whole number' : 'number'}${range === '' ? '' : `, ${range}`}`;
}
