// A .proto file as its descriptor tells it: names as they are written, and the comment above each. What is loaded by the
// daemons (shared/rpc/descriptor-set.ts) has names in camel case and no comments, so the reference reads the bytes itself.

import { wireFields } from '../../shared/rpc/wire-format.ts';

export interface ProtoField {
  readonly name: string;
  readonly number: number;
  /** Such as `repeated doubleblind.common.v1.Metric`. */
  readonly type: string;
  readonly comment: string;
}

export interface ProtoMessage {
  readonly name: string;
  readonly comment: string;
  readonly fields: readonly ProtoField[];
}

export interface ProtoEnum {
  readonly name: string;
  readonly comment: string;
  readonly values: readonly { readonly name: string; readonly number: number; readonly comment: string }[];
}

export interface ProtoMethod {
  readonly name: string;
  readonly comment: string;
  /** Full names. */
  readonly request: string;
  readonly response: string;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
}

export interface ProtoService {
  readonly name: string;
  readonly comment: string;
  readonly methods: readonly ProtoMethod[];
}

export interface ProtoFile {
  readonly package: string;
  readonly services: readonly ProtoService[];
  readonly messages: readonly ProtoMessage[];
  readonly enums: readonly ProtoEnum[];
}

type Fields = ReadonlyMap<number, readonly (Buffer | number)[]>;
type Comments = ReadonlyMap<string, string>;

/** google.protobuf.FieldDescriptorProto.Type; 11 and 14 have a name of their own. */
const scalarTypes: Readonly<Record<number, string>> = {
  ...{
    1: 'double',
    2: 'float',
    3: 'int64',
    4: 'uint64',
    5: 'int32',
    6: 'fixed64',
    7: 'fixed32',
    8: 'bool',
    9: 'string',
  },
  ...{ 12: 'bytes', 13: 'uint32', 15: 'sfixed32', 16: 'sfixed64', 17: 'sint32', 18: 'sint64' },
};
const repeatedLabel = 3;

/** The files of a serialized FileDescriptorSet, in its order. */
export function readProtoFiles(descriptorSet: Buffer): ProtoFile[] {
  return messagesOf(fieldsOf(descriptorSet), 1).map(readFile);
}

// The numbers below are those of google/protobuf/descriptor.proto; a path of SourceCodeInfo is made of the same ones.

function readFile(bytes: Buffer): ProtoFile {
  const file = fieldsOf(bytes);
  const comments = commentsOf(messagesOf(file, 9)[0] ?? Buffer.alloc(0));
  const services = messagesOf(file, 6).map((service, index) => readService(fieldsOf(service), `6,${index}`, comments));
  const messages = messagesOf(file, 4).map((message, index) => readMessage(fieldsOf(message), `4,${index}`, comments));
  const enums = messagesOf(file, 5).map((one, index) => readEnum(fieldsOf(one), `5,${index}`, comments));
  return { package: text(file, 2), services, messages, enums };
}

function readService(service: Fields, path: string, comments: Comments): ProtoService {
  const methods = messagesOf(service, 2).map((bytes, index) => {
    const method = fieldsOf(bytes);
    return {
      name: text(method, 1),
      comment: comments.get(`${path},2,${index}`) ?? '',
      request: text(method, 2).replace(/^\./, ''),
      response: text(method, 3).replace(/^\./, ''),
      clientStreaming: number(method, 5) === 1,
      serverStreaming: number(method, 6) === 1,
    };
  });
  return { name: text(service, 1), comment: comments.get(path) ?? '', methods };
}

function readMessage(message: Fields, path: string, comments: Comments): ProtoMessage {
  const oneofs = messagesOf(message, 8).map((bytes) => text(fieldsOf(bytes), 1));
  const fields = messagesOf(message, 2).map((bytes, index) => {
    const field = fieldsOf(bytes);
    const type = scalarTypes[number(field, 5)] ?? text(field, 6).replace(/^\./, '');
    const isOptional = number(field, 17) === 1;
    const oneof = field.has(9) && !isOptional ? `one of ${oneofs[number(field, 9)] ?? ''}: ` : '';
    const repeated = number(field, 4) === repeatedLabel ? 'repeated ' : '';
    return {
      name: text(field, 1),
      number: number(field, 3),
      type: `${oneof}${repeated}${isOptional ? 'optional ' : ''}${type}`,
      comment: comments.get(`${path},2,${index}`) ?? '',
    };
  });
  return { name: text(message, 1), comment: comments.get(path) ?? '', fields };
}

function readEnum(one: Fields, path: string, comments: Comments): ProtoEnum {
  const values = messagesOf(one, 2).map((bytes, index) => {
    const value = fieldsOf(bytes);
    return { name: text(value, 1), number: number(value, 2), comment: comments.get(`${path},2,${index}`) ?? '' };
  });
  return { name: text(one, 1), comment: comments.get(path) ?? '', values };
}

/** The comment above each declaration, by its path such as `4,2,2,0`. */
function commentsOf(sourceCodeInfo: Buffer): Comments {
  const comments = new Map<string, string>();
  for (const bytes of messagesOf(fieldsOf(sourceCodeInfo), 1)) {
    const location = fieldsOf(bytes);
    const comment = text(location, 3)
      .trim()
      .replaceAll(/\s*\n\s*/g, ' ');
    if (comment !== '') comments.set(varints(messagesOf(location, 1)[0] ?? Buffer.alloc(0)).join(','), comment);
  }
  return comments;
}

function fieldsOf(bytes: Buffer): Fields {
  const fields = new Map<number, (Buffer | number)[]>();
  for (const { number: key, value } of wireFields(bytes)) fields.set(key, [...(fields.get(key) ?? []), value]);
  return fields;
}

function messagesOf(fields: Fields, key: number): Buffer[] {
  return (fields.get(key) ?? []).filter((value) => typeof value !== 'number');
}

function text(fields: Fields, key: number): string {
  return messagesOf(fields, key)[0]?.toString('utf8') ?? '';
}

function number(fields: Fields, key: number): number {
  const value = fields.get(key)?.[0];
  return typeof value === 'number' ? value : 0;
}

/** A packed list of whole numbers. */
function varints(bytes: Buffer): number[] {
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte >= 128) continue;
    numbers.push(value);
    value = 0;
    scale = 1;
  }
  return numbers;
}
