// Kubernetes' own description of its objects, as Debian's python3-kubernetes has it: its models are generated from the API's OpenAPI
// document, and each file names the members of one object, their types, and which must be there. Read as text; no Python runs.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Model {
  /** Type by the name in JSON. */
  readonly members: ReadonlyMap<string, string>;
  readonly required: ReadonlySet<string>;
}

/** `npm test` unpacks it. */
export const modelsDirectory = [
  '.runtime/kubernetes-models',
  '/usr/lib/python3/dist-packages/kubernetes/client/models',
].find((path) => existsSync(join(path, 'v1_daemon_set.py')));

/** What the API would not take of an object of a kind such as `V1DaemonSet`, one sentence each; values of enumerations are not told. */
export function complaints(directory: string, kind: string, value: unknown): string[] {
  const files = new Map(
    readdirSync(directory).map((name) => [name.replace(/\.py$/, '').replaceAll('_', '').toLowerCase(), name]),
  );
  const models = new Map<string, Model>();
  const modelOf = (type: string): Model => {
    const name = files.get(type.toLowerCase());
    if (name === undefined) throw new Error(`Kubernetes has no ${type}`);
    const model = models.get(type) ?? readModel(readFileSync(join(directory, name), 'utf8'));
    models.set(type, model);
    return model;
  };

  const check = (type: string, held: unknown, at: string): string[] => {
    const item = /^list\[(.*)\]$/.exec(type)?.[1];
    const entry = /^dict\(str, (.*)\)$/.exec(type)?.[1];
    if (type in primitives) return primitives[type]?.(held) === true ? [] : [`${at} is not of type ${type}`];
    if (item !== undefined) {
      if (!Array.isArray(held)) return [`${at} is no list`];
      return held.flatMap((one: unknown, index) => check(item, one, `${at}[${index}]`));
    }
    if (typeof held !== 'object' || held === null || Array.isArray(held)) return [`${at} is no object`];
    const members = Object.entries(held);
    if (entry !== undefined) return members.flatMap(([name, one]) => check(entry, one, `${at}.${name}`));
    const model = modelOf(type);
    const absent = [...model.required].filter((name) => !(name in held)).map((name) => `${at} lacks ${name}`);
    const wrong = members.flatMap(([name, one]) => {
      const memberType = model.members.get(name);
      return memberType === undefined ? [`${at}.${name} is unknown`] : check(memberType, one, `${at}.${name}`);
    });
    return [...absent, ...wrong];
  };
  return check(kind, value, kind);
}

const primitives: Readonly<Record<string, (value: unknown) => boolean>> = {
  str: (value) => typeof value === 'string',
  // Quantities and ports by number or name are objects there.
  object: () => true,
  int: (value) => Number.isInteger(value),
  float: (value) => typeof value === 'number',
  bool: (value) => typeof value === 'boolean',
  datetime: (value) => typeof value === 'string',
};

function readModel(text: string): Model {
  const types = dictionary(text, 'openapi_types');
  const names = dictionary(text, 'attribute_map');
  const required = [...text.matchAll(/Invalid value for `(\w+)`, must not be `None`/g)];
  return {
    members: new Map([...names].map(([attribute, name]) => [name, types.get(attribute) ?? 'object'])),
    required: new Set(required.map(([, attribute = '']) => names.get(attribute) ?? attribute)),
  };
}

/** `name = { 'key': 'value', … }` of a Python class. */
function dictionary(text: string, name: string): Map<string, string> {
  const body = new RegExp(`^ {4}${name} = \\{([^}]*)\\}`, 'm').exec(text)?.[1];
  if (body === undefined) throw new Error(`the model has no ${name}`);
  return new Map([...body.matchAll(/'([^']+)': '([^']+)'/g)].map(([, key = '', value = '']) => [key, value]));
}
