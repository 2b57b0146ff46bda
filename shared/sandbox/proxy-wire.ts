// What goes over the socket between a daemon and the proxy that holds the engine's: one line of JSON asks, one line answers,
// one connection a call. After the answer to `attach` the connection carries the container's bytes.
// Every object of a request is strict: an unknown key, also one that differs in case alone, is refused.

import { z } from 'zod';

/** An environment of 32 KiB and its escapes fit. */
export const longestRequestBytes = 64 * 1024;

const idSchema = z.string().regex(/^[0-9a-f]{64}$/, { error: 'is no container id' });

export function requestSchema<Spec extends z.ZodType>(spec: Spec) {
  return z.discriminatedUnion('call', [
    z.strictObject({ call: z.literal('check') }),
    z.strictObject({ call: z.literal('create'), spec }),
    z.strictObject({ call: z.literal('start'), id: idSchema }),
    z.strictObject({ call: z.literal('attach'), id: idSchema }),
    z.strictObject({ call: z.literal('state'), id: idSchema }),
    z.strictObject({ call: z.literal('list') }),
    z.strictObject({ call: z.literal('remove'), id: idSchema }),
  ]);
}

/** The calls, without what a container of a kind looks like. */
export type ProxyRequest = z.infer<ReturnType<typeof requestSchema<z.ZodUnknown>>>;

/** Answers are read leniently: a proxy of a later version may say more. */
export const replySchema = z.union([
  z.object({ ok: z.literal(true), value: z.unknown() }),
  z.object({
    ok: z.literal(false),
    message: z.string(),
    /** That the engine is away, so that the same call may succeed later. */
    away: z.boolean().optional(),
  }),
]);
export type ProxyReply = z.infer<typeof replySchema>;

export const valueSchemas = {
  check: z.object({
    engineVersion: z.string(),
    imageDigest: z.string(),
    components: z.array(z.object({ name: z.string(), version: z.string() })).optional(),
    largest: z.object({ cpus: z.number(), memoryBytes: z.number() }).optional(),
    keepsContainers: z.boolean().optional(),
  }),
  create: z.string(),
  start: z.null(),
  attach: z.null(),
  state: z.object({ running: z.boolean(), outOfMemory: z.boolean(), killed: z.boolean().optional() }).nullable(),
  list: z.array(
    z.object({ id: z.string(), labels: z.record(z.string(), z.string().optional()), running: z.boolean() }),
  ),
  remove: z.null(),
} as const;
