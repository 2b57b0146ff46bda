// A host of the benchmark: the real agent with its book, outbox, bus and gRPC server, over a performer whose clean-slate run
// is the job and takes only its time. The one turn of an attempt submits; it leaves no submission to be scored.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Agent, startAgent } from '../../gpu-agent/agent.ts';
import { openHostBook } from '../../gpu-agent/outbox/host-book.ts';
import type { Performer } from '../../gpu-agent/performer.ts';
import { agentService } from '../../gpu-agent/rpc/agent-service.ts';
import { cpuSlots } from '../../gpu-agent/slots.ts';
import type { PerformerOptions } from '../../gpu-agent/work.ts';
import { connectBus } from '../../shared/bus/bus.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { startRpcServer } from '../../shared/rpc/server.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { type Done, durationsMs, type Load } from './jobs.ts';
import { answerCollect, nowMs, workFor } from './work.ts';

export interface HostOptions {
  readonly name: string;
  readonly nats: string;
  readonly tls: TlsPaths;
  readonly stateDirectory: string;
  readonly slots: number;
  readonly lanes: number;
}

const { name, nats, tls, stateDirectory, slots, lanes } = JSON.parse(process.argv[2] ?? '') as HostOptions;
const done: Done[] = [];
const durations = new Map<string, readonly number[]>();
const product = sha256('what a job leaves');

/** The run's guidance is the load; attempts are numbered from 1, and those beyond it are never over. */
function durationOf(guidance: string, job: number): number | undefined {
  const known = durations.get(guidance) ?? durationsMs(JSON.parse(guidance) as Load);
  durations.set(guidance, known);
  return known[job];
}

async function doJob(attemptId: string, guidance: string, slotId: string, signal: AbortSignal): Promise<void> {
  const job = Number(attemptId.split('-').at(-1)) - 1;
  const durationMs = durationOf(guidance, job);
  const startMs = nowMs();
  if (durationMs === undefined) await new Promise((_, reject) => signal.addEventListener('abort', reject));
  else await workFor(durationMs);
  done.push({ job, slot: `${name}/${slotId}`, startMs, endMs: nowMs() });
}

type Command = Parameters<Performer['perform']>[0];

async function act(command: Command, { order, slot }: PerformerOptions, signal: AbortSignal): Promise<object> {
  switch (command.kind) {
    case 'prepare':
      return { kind: 'begun', messages: [] };
    case 'callModel':
      return { ...answer, kind: 'modelAnswered', turn: command.turn };
    case 'runTool':
      throw new Error('a job runs no tool');
    case 'takeSolution':
      return { kind: 'solutionTaken', digest: product, bytes: 1 };
    case 'runCleanSlate': {
      const release = await slot.acquire('cleanSlate', signal);
      try {
        await doJob(order.attemptId, order.guidance, order.slotId, signal);
      } finally {
        release();
      }
      return executed;
    }
    case 'storeArtifacts':
      return { kind: 'artifactsStored', artifacts: {} };
  }
}

const answer = {
  content: '',
  toolCalls: [{ id: 'call', name: 'submit', argumentsJson: JSON.stringify({ idea: 'a job', changes: 'none' }) }],
  ...{ inputTokens: 0, outputTokens: 0, dollars: 0, upstream: 'bench', model: 'bench', finishReason: 'tool_calls' },
  seconds: 0,
};
const executed = {
  ...{ kind: 'executed', end: 'completed', exitStatus: 0, logDigest: product, logTail: '' },
  ...{ wallSeconds: 0, waitedSeconds: 0, cpuSeconds: 0, peakMemoryBytes: 0 },
};

function openPerformer(options: PerformerOptions): Performer {
  return {
    perform: async (command, signal) => {
      const event = await act(command, options, signal);
      return { ...event, elapsedSeconds: options.time.elapsedSeconds() } as Awaited<ReturnType<Performer['perform']>>;
    },
    recovers: () => Promise.resolve(false),
    adopt: () => Promise.resolve(),
    removeSandboxes: () => Promise.resolve(),
    removeStaging: () => Promise.resolve(),
  };
}

const bus = await connectBus({ servers: [nats], tls, name, log: silentLogger });
const offered = cpuSlots(slots);
const agent: Agent = await startAgent({
  ports: {
    host: name,
    bootId: randomBytes(8).toString('hex'),
    book: openHostBook(join(stateDirectory, 'host.sqlite')),
    engine: { list: () => Promise.resolve([]), remove: () => Promise.resolve(), silence: () => Promise.resolve() },
    clock: systemClock,
    log: silentLogger,
    openPerformer,
  },
  bus,
  version: 'bench',
  imageDigest: 'bench',
  slots: () => offered,
  trajectoriesPerSlot: lanes,
  contextCharacters: 100_000,
  random: Math.random,
  heartbeatMs: 1000,
});
bus.onConnected(() => agent.busIsBack());
const server = await startRpcServer({ listen: '127.0.0.1:0', tls, services: [agentService(agent)], log: silentLogger });
agent.announce(server.address);
answerCollect(() => done.splice(0));
process.send?.(server.address);
