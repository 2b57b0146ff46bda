// The keys of a zod schema, so that flags and environment variables can be derived from it.

import { z } from 'zod';

export interface SchemaNode {
  /** `object` has members; a `text` is taken as it is, a `list` is split at commas, anything else is read as YAML. */
  readonly kind: 'object' | 'text' | 'list' | 'other';
  readonly members: ReadonlyMap<string, SchemaNode>;
  /** True where the whole may be left out: optional, or with a default of its own. */
  readonly omissible: boolean;
  /** What it is, for readers. */
  readonly description: string;
}

export interface SchemaLeaf {
  readonly path: readonly string[];
  readonly node: SchemaNode;
}

/** The part of zod's definitions that is looked at. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly element?: z.core.$ZodType;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
}

const wrappers = new Set(['optional', 'nullable', 'default', 'prefault', 'readonly', 'catch', 'nonoptional', 'pipe']);
const omissibleWrappers = new Set(['optional', 'default', 'prefault', 'catch']);
const textTypes = new Set(['string', 'enum', 'literal', 'template_literal']);

/** The keys of a schema. */
export function schemaNode(schema: z.core.$ZodType): SchemaNode {
  let definition = definitionOf(schema);
  let omissible = false;
  let description = describedAs(schema);
  while (wrappers.has(definition.type)) {
    omissible ||= omissibleWrappers.has(definition.type);
    const inner = definition.innerType ?? definition.in;
    if (inner === undefined) break;
    definition = definitionOf(inner);
    description ||= describedAs(inner);
  }
  const members = new Map<string, SchemaNode>();
  if (definition.type === 'object') {
    for (const [name, member] of Object.entries(definition.shape ?? {})) members.set(name, schemaNode(member));
    return { kind: 'object', members, omissible, description };
  }
  if (textTypes.has(definition.type)) return { kind: 'text', members, omissible, description };
  const element = definition.element === undefined ? undefined : schemaNode(definition.element);
  return { kind: element?.kind === 'text' ? 'list' : 'other', members, omissible, description };
}

/** Everything that is not an object, with its path, in the schema's order. */
export function leavesOf(node: SchemaNode, path: readonly string[] = []): SchemaLeaf[] {
  if (node.kind !== 'object') return [{ path, node }];
  return [...node.members].flatMap(([name, member]) => leavesOf(member, [...path, name]));
}

function definitionOf(schema: z.core.$ZodType): Definition {
  return schema._zod.def as unknown as Definition;
}

function describedAs(schema: z.core.$ZodType): string {
  return z.globalRegistry.get(schema)?.description ?? '';
}
