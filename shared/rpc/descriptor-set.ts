// Reads the protocol's descriptors (`proto/generated/api.binpb`, a google.protobuf.FileDescriptorSet) with nothing but their bytes.
// Owns: the original serialized files, which reflection hands out, and their content in camel case, which the loader and the
// type generator use. Leaves to @grpc/proto-loader: everything about messages on the wire.

import { wireFields } from './wire-format.ts';

export interface FieldDescriptor {
  /** In camel case, as in JSON. */
  name: string;
  number: number;
  /** 3 is repeated. */
  label: number;
  /** google.protobuf.FieldDescriptorProto.Type. */
  type: number;
  /** Full name with a leading dot, for messages and enums. */
  typeName?: string;
  jsonName?: string;
  oneofIndex?: number;
  proto3Optional?: boolean;
}

export interface MessageDescriptor {
  name: string;
  field?: FieldDescriptor[];
  nestedType?: MessageDescriptor[];
  enumType?: EnumDescriptor[];
  /** In camel case. */
  oneofDecl?: { name: string }[];
}

export interface EnumDescriptor {
  name: string;
  value?: { name: string; number: number }[];
}

export interface MethodDescriptor {
  name: string;
  inputType: string;
  outputType: string;
  clientStreaming?: boolean;
  serverStreaming?: boolean;
}

export interface ServiceDescriptor {
  name: string;
  method?: MethodDescriptor[];
}

export interface FileDescriptor {
  name: string;
  package?: string;
  dependency?: string[];
  messageType?: MessageDescriptor[];
  enumType?: EnumDescriptor[];
  service?: ServiceDescriptor[];
  syntax?: string;
}

export interface DescriptorSet {
  /** Each file exactly as buf serialized it. */
  readonly originals: readonly Buffer[];
  /** The same files, decoded, fields and oneofs in camel case. */
  readonly files: readonly FileDescriptor[];
}

/** The parts of descriptor.proto that are read: field number → name and kind; `[]` marks a repeated one. */
type Shape = Record<number, readonly [name: string, kind: 'text' | 'number' | 'flag' | Shape, repeated?: true]>;

const enumShape: Shape = {
  1: ['name', 'text'],
  2: ['value', { 1: ['name', 'text'], 2: ['number', 'number'] }, true],
};
const messageShape: Shape = {
  1: ['name', 'text'],
  2: [
    'field',
    {
      1: ['name', 'text'],
      3: ['number', 'number'],
      4: ['label', 'number'],
      5: ['type', 'number'],
      6: ['typeName', 'text'],
      9: ['oneofIndex', 'number'],
      10: ['jsonName', 'text'],
      17: ['proto3Optional', 'flag'],
    },
    true,
  ],
  4: ['enumType', enumShape, true],
  8: ['oneofDecl', { 1: ['name', 'text'] }, true],
};
messageShape[3] = ['nestedType', messageShape, true];
const methodShape: Shape = {
  1: ['name', 'text'],
  2: ['inputType', 'text'],
  3: ['outputType', 'text'],
  5: ['clientStreaming', 'flag'],
  6: ['serverStreaming', 'flag'],
};
const fileShape: Shape = {
  1: ['name', 'text'],
  2: ['package', 'text'],
  3: ['dependency', 'text', true],
  4: ['messageType', messageShape, true],
  5: ['enumType', enumShape, true],
  6: ['service', { 1: ['name', 'text'], 2: ['method', methodShape, true] }, true],
  12: ['syntax', 'text'],
};

/** Reads a serialized FileDescriptorSet. */
export function readDescriptorSet(bytes: Buffer): DescriptorSet {
  const originals: Buffer[] = [];
  for (const { number, value } of wireFields(bytes)) {
    if (number === 1 && typeof value !== 'number') originals.push(value);
  }
  const files = originals.map((original) => decode(original, fileShape) as unknown as FileDescriptor);
  for (const file of files) for (const message of file.messageType ?? []) toCamelCase(message);
  return { originals, files };
}

/** Full names of all methods, such as `doubleblind.agent.v1.AgentService/StartAttempt`. */
export function methodNames(set: DescriptorSet): string[] {
  return set.files.flatMap((file) =>
    (file.service ?? []).flatMap((service) =>
      (service.method ?? []).map((method) => `${file.package}.${service.name}/${method.name}`),
    ),
  );
}

/** `search_score` → `searchScore`; a leading underscore (a synthetic oneof) stays. */
export function camelCase(name: string): string {
  return name.replace(/(?<=[^_])_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function toCamelCase(message: MessageDescriptor): void {
  for (const field of message.field ?? []) field.name = field.jsonName ?? camelCase(field.name);
  for (const oneof of message.oneofDecl ?? []) oneof.name = camelCase(oneof.name);
  for (const nested of message.nestedType ?? []) toCamelCase(nested);
}

function decode(bytes: Buffer, shape: Shape): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const { number, value } of wireFields(bytes)) {
    const known = shape[number];
    if (known === undefined) continue;
    const [name, kind, repeated] = known;
    const member = decodeValue(value, kind);
    if (repeated === true) decoded[name] = [...((decoded[name] as unknown[] | undefined) ?? []), member];
    else decoded[name] = member;
  }
  return decoded;
}

function decodeValue(value: Buffer | number, kind: 'text' | 'number' | 'flag' | Shape): unknown {
  if (typeof value === 'number') return kind === 'flag' ? value !== 0 : value;
  return typeof kind === 'object' ? decode(value, kind) : value.toString('utf8');
}
