// What travels on the bus: heartbeats (lossy by design) and result events (JetStream, at least once).
// Everything that comes from the bus is parsed with these schemas before anybody looks at it.

import { z } from 'zod';
import { isHostPort } from '../core/host-port.ts';
import { isDigest, isId } from '../core/ids.ts';
import { failureReasons } from '../core/vocabulary.ts';
import type { Identity } from '../pki/identity.ts';

const id = z.string().refine(isId, { error: 'is not an id (letters, digits, - and _, at most 128)' });
const digest = z.string().refine(isDigest, { error: 'is not a SHA-256 digest in lower-case hex' });
const count = z.number().int().nonnegative();
const amount = z.number().nonnegative();

/** What an attempt used; the same fields as `Usage` of the vocabulary. */
const usageSchema = z.object({
  wallSeconds: amount,
  peakMemoryBytes: amount,
  cpuSeconds: amount,
  slotSeconds: amount,
  turns: count,
  inputTokens: count,
  outputTokens: count,
  dollars: amount,
});

const slotSchema = z.object({
  slotId: id,
  kind: z.enum(['cpu', 'gpu']),
  deviceName: z.string(),
  deviceMemoryBytes: amount,
  capacity: count,
  health: z.enum(['healthy', 'warning', 'unusable']),
  healthReason: z.string(),
  attempts: z.array(z.object({ attemptId: id, epoch: count })),
});

/** A host says that it is there. `seq` counts heartbeats since the boot. */
export const heartbeatSchema = z.object({
  v: z.literal(1),
  host: id,
  bootId: z.string().min(1).max(128),
  seq: count,
  /** Where its gpu-agent listens, host:port. */
  address: z.string().max(300).refine(isHostPort, { error: 'is not host:port' }),
  version: z.string(),
  draining: z.boolean(),
  /** The most processors and bytes of memory of one sandbox; not told by earlier versions. */
  largestSandbox: z.object({ cpus: z.number().positive(), memoryBytes: count }).optional(),
  slots: z.array(slotSchema),
  outboxEvents: count,
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

const envelope = {
  v: z.literal(1),
  host: id,
  bootId: z.string().min(1).max(128),
  /** Position in the host's outbox; unique for the host and boot. */
  seq: count,
  runId: id,
  attemptId: id,
  epoch: count,
};

const attemptStartedSchema = z.object({
  ...envelope,
  kind: z.literal('attemptStarted'),
  body: z.object({ slotId: id }),
});

const attemptEndedSchema = z.object({
  ...envelope,
  kind: z.literal('attemptEnded'),
  body: z.object({
    /** Absent where the attempt produced a submission. */
    failureReason: z.enum(failureReasons).optional(),
    failureMessage: z.string().optional(),
    artifacts: z.object({
      solution: digest.optional(),
      submission: digest.optional(),
      log: digest.optional(),
      transcript: digest.optional(),
    }),
    /** Equal for programs that differ in layout, comments and names alone; not told by earlier versions. */
    codeDigest: digest.optional(),
    usage: usageSchema,
    /** Elapsed time of the clean-slate run. */
    runSeconds: amount,
    /** For the ideas ledger, at most 2 KiB. */
    note: z.string(),
  }),
});

/** What happened to an attempt on its host. */
export const resultEventSchema = z.discriminatedUnion('kind', [attemptStartedSchema, attemptEndedSchema]);
export type ResultEvent = z.infer<typeof resultEventSchema>;
export type AttemptEnded = z.infer<typeof attemptEndedSchema>;

/** The stream that holds all result events. */
export const eventStream = 'DOUBLEBLIND_EVENTS';

/** Where a host's heartbeats go; only this host may publish there. */
export function heartbeatSubject(host: string): string {
  return `doubleblind.v1.heartbeat.${host}`;
}

/** Where an event goes. */
export function resultSubject(event: Pick<ResultEvent, 'runId' | 'attemptId' | 'kind'>): string {
  return `doubleblind.v1.run.${event.runId}.attempt.${event.attemptId}.${event.kind}`;
}

/**
 * The name by which JetStream knows duplicates. `repeat` counts the times that the stream had the event and no receipt came: such
 * a repeat is meant to reach the coordinator again, so it has a name of its own.
 */
export function resultMessageId(event: Pick<ResultEvent, 'host' | 'bootId' | 'seq'>, repeat: number): string {
  return `${event.host}:${event.bootId}:${event.seq}${repeat === 0 ? '' : `:${repeat}`}`;
}

/** The first token of a client's inboxes: its own, so that the server can keep others from listening to its answers. */
export function inboxPrefix(identity: Identity): string {
  // Names of hosts have no dots, so that no host's prefix can be another role's.
  return identity.role === 'gpu-agent' ? `_INBOX_${identity.name}` : `_INBOX.${identity.role}.${identity.name}`;
}
