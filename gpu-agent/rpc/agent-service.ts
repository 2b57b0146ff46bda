// AgentService: decode, call the agent, encode.

import type { DescribeHostResponse, Slot } from '../../proto/generated/doubleblind/agent/v1.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { type Handlers, implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import type { Agent } from '../agent.ts';
import { AgentRefusal, type RefusalKind } from '../agent-refusal.ts';
import type { SlotReport } from '../slots.ts';
import { cancelSchema, confirmSchema, decode, renewSchema, startSchema, transcriptSchema } from './decode.ts';

/** What each refusal is on the wire. */
const codes = {
  staleEpoch: 'failedPrecondition',
  unknownSlot: 'failedPrecondition',
  unusableSlot: 'failedPrecondition',
  slotFull: 'resourceExhausted',
  draining: 'unavailable',
} as const satisfies Record<RefusalKind, string>;

const name = 'doubleblind.agent.v1.AgentService';

export function agentService(agent: Agent): RpcServiceDefinition {
  return implement<typeof name>(name, agentHandlers(agent));
}

/** What the service does; the simulator calls it without gRPC. */
export function agentHandlers(agent: Agent): Handlers<typeof name> {
  return {
    describeHost: () => Promise.resolve(describe(agent)),
    startAttempt: async (request) => {
      const order = decode(startSchema, request);
      try {
        return await Promise.resolve(agent.start(order));
      } catch (error) {
        throw toFault(error, order.attemptId);
      }
    },
    cancelAttempt: async (request) => {
      const { attempt, reason } = decode(cancelSchema, request);
      return await Promise.resolve({ known: agent.cancel(attempt, reason) });
    },
    renewLeases: async (request) => {
      const { attempts, leaseTtlMs, guidance, confirmed } = decode(renewSchema, request);
      const unknown = agent.renew(attempts, leaseTtlMs, guidance);
      const receiptsTaken = tookReceipts(agent, confirmed);
      return await Promise.resolve({ unknown, bootId: agent.describe().bootId, receiptsTaken });
    },
    confirmEvents: async (request) => {
      agent.confirm(decode(confirmSchema, request).sequences);
      return await Promise.resolve({});
    },
    watchTranscript: (request, { signal }) => {
      const { attemptId, fromEntry, follow } = decode(transcriptSchema, request);
      const entries = agent.transcript(attemptId, fromEntry, follow, signal);
      if (entries === null) throw new RpcFault('notFound', `attempt ${attemptId} is not known on this host`);
      return entries;
    },
  };
}

/** A book that cannot be written to is no reason to refuse a renewal. The receipts come again by a call that fails by itself, and tells. */
function tookReceipts(agent: Agent, sequences: readonly number[]): boolean {
  if (sequences.length === 0) return true;
  try {
    agent.confirm(sequences);
    return true;
  } catch {
    return false;
  }
}

function toFault(error: unknown, attemptId: string): unknown {
  if (!(error instanceof AgentRefusal)) return error;
  return new RpcFault(codes[error.kind], error.message, {
    reason: error.kind,
    metadata: { attemptId },
  });
}

function describe(agent: Agent): DescribeHostResponse {
  const { imageDigest, largestSandbox, slots, ...host } = agent.describe();
  return {
    ...host,
    sandboxImage: imageDigest,
    largestSandboxCpus: largestSandbox?.cpus ?? 0,
    largestSandboxMemoryBytes: largestSandbox?.memoryBytes ?? 0,
    slots: slots.map(slotToWire),
  };
}

function slotToWire({ device: _device, kind, attempts, ...slot }: SlotReport): Slot {
  return {
    ...slot,
    kind: kind === 'gpu' ? 'SLOT_KIND_GPU' : 'SLOT_KIND_CPU',
    attempts: attempts.map((attempt) => ({ ...attempt })),
  };
}
