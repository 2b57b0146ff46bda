// The services as grpc-js wants them, from the committed descriptors, and the types of what the loader delivers.
// Invariant: the loader options here and proto/generate.ts agree; shared/rpc/definitions.test.ts holds them together.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { logVerbosity, type ServiceDefinition, setLogVerbosity } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromObject } from '@grpc/proto-loader';
import type { Services } from '../../proto/generated/services.ts';
import { type DescriptorSet, readDescriptorSet } from './descriptor-set.ts';

export type { Services };
export type ServiceName = keyof Services;

/**
 * What may be sent as a message: any field may be left out, bytes may be any Uint8Array, arrays may be read-only.
 * What is received is the message type itself, with every scalar present.
 */
export type Input<Message> = Message extends Uint8Array
  ? Uint8Array
  : Message extends readonly (infer Item)[]
    ? readonly Input<Item>[]
    : Message extends object
      ? { readonly [Field in keyof Message]?: Input<Message[Field]> | undefined }
      : Message;

// The library writes to standard error past our log; all it has to say reaches callers as faults.
setLogVerbosity(logVerbosity.NONE);

/** Most bytes of one message. Chunks are at most 1 MiB; the rest leaves room for a prompt or a page of records. */
export const messageLimitBytes = 4 * 2 ** 20;

/** 64-bit numbers arrive as number: exact up to 2^53, which no counter here reaches. */
const loaderOptions = { longs: Number, enums: String, defaults: true, oneofs: true };

let descriptors: DescriptorSet | undefined;
let definitions: ReturnType<typeof loadFileDescriptorSetFromObject> | undefined;

/** The protocol's descriptors; read once. */
export function descriptorSet(): DescriptorSet {
  descriptors ??= readDescriptorSet(readFileSync(join(import.meta.dirname, '../../proto/generated/api.binpb')));
  return descriptors;
}

/** A service's methods with their serializers, keyed by the name in camel case. */
export function serviceDefinition(name: ServiceName): ServiceDefinition {
  // The descriptors come from buf, which has checked them; the loader's own type asks for protobufjs classes.
  const files = { file: descriptorSet().files } as unknown as Parameters<typeof loadFileDescriptorSetFromObject>[0];
  definitions ??= loadFileDescriptorSetFromObject(files, loaderOptions);
  const definition = definitions[name];
  if (definition === undefined || 'format' in definition) throw new Error(`no service ${name} in the descriptors`);
  return Object.fromEntries(
    Object.entries(definition as ServiceDefinition).map(([method, details]) => [lowerFirst(method), details]),
  );
}

/** `StartAttempt` → `startAttempt`. */
function lowerFirst(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
}
