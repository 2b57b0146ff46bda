// What attempts of the benchmark's hosts do: one turn, then a clean-slate run that is nothing but time, then four artifacts that
// nobody else has. Everything but the sandbox is real: book, leases, outbox, uploads.

import type { ArtifactClient } from '../../gpu-agent/artifacts/artifact-client.ts';
import type { Performer } from '../../gpu-agent/performer.ts';
import type { PerformerOptions } from '../../gpu-agent/work.ts';
import { type Clock, delay } from '../../shared/clock.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { packFiles } from '../../shared/store/tree.ts';

export interface TimedPorts {
  readonly artifacts: Pick<ArtifactClient, 'put'>;
  readonly clock: Clock;
  /** How long the clean-slate run of an attempt takes. */
  readonly runMs: (slotId: string) => number;
}

type Command = Parameters<Performer['perform']>[0];
type Outcome = Awaited<ReturnType<Performer['perform']>>;

/** About the size of a small program, its log and its predictions for a few rows. */
const artifactBytes = 2048;

export function timedPerformer(ports: TimedPorts, options: PerformerOptions): Performer {
  const { order } = options;
  const bytesOf = (kind: string): Buffer =>
    Buffer.alloc(artifactBytes, `${kind} of ${order.attemptId} in epoch ${order.epoch}\n`);
  // A program as a host packs it, for the coordinator looks into it.
  const solution = (): Promise<Buffer> =>
    packFiles([{ path: 'main.py', bytes: Buffer.from(`print("${order.attemptId}")\n`), executable: false }]);
  const act = async (command: Command, signal: AbortSignal): Promise<object> => {
    switch (command.kind) {
      case 'prepare':
        return { kind: 'begun', messages: [] };
      case 'callModel':
        return { ...submitTurn, kind: 'modelAnswered', turn: command.turn };
      case 'runTool':
        throw new Error('no tool is called in the benchmark');
      case 'takeSolution':
        return { kind: 'solutionTaken', digest: sha256(await solution()), bytes: artifactBytes };
      case 'runCleanSlate': {
        const release = await options.slot.acquire('cleanSlate', signal);
        try {
          if (!(await delay(ports.clock, ports.runMs(order.slotId), signal))) signal.throwIfAborted();
        } finally {
          release();
        }
        const [log, submission] = [sha256(bytesOf('log')), sha256(bytesOf('submission'))];
        return { ...completed, logDigest: log, submissionDigest: submission };
      }
      case 'storeArtifacts': {
        const kinds = ['solution', 'log', 'submission', 'transcript'] as const;
        const program = await solution();
        const stored = kinds.map(async (kind) => {
          const bytes = kind === 'solution' ? program : bytesOf(kind);
          return [kind, await ports.artifacts.put(bytes, signal)] as const;
        });
        return { kind: 'artifactsStored', artifacts: Object.fromEntries(await Promise.all(stored)) };
      }
    }
  };
  return {
    perform: async (command, signal) =>
      ({ ...(await act(command, signal)), elapsedSeconds: options.time.elapsedSeconds() }) as Outcome,
    recovers: () => Promise.resolve(false),
    adopt: () => Promise.resolve(),
    removeSandboxes: () => Promise.resolve(),
    removeStaging: () => Promise.resolve(),
  };
}

const submitTurn = {
  ...{ content: '', inputTokens: 1000, outputTokens: 100, dollars: 0, upstream: 'bench', model: 'bench' },
  ...{ finishReason: 'tool_calls', seconds: 1 },
  toolCalls: [
    {
      id: 'call-1',
      name: 'submit',
      argumentsJson: JSON.stringify({ idea: 'an idea', changes: 'some', expectation: 'better' }),
    },
  ],
};

const completed = {
  ...{ kind: 'executed', end: 'completed', exitStatus: 0, logTail: '' },
  ...{ wallSeconds: 60, waitedSeconds: 0, cpuSeconds: 60, peakMemoryBytes: 2 ** 30 },
};
