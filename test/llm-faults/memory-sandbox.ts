// Sandboxes without processes: a map of files, and calls that take their time and say something of the usual length. For a
// test of what lies before the sandbox, on a machine whose processors belong to the test.

import type { Sandbox, SandboxEngine, SandboxIdentity } from '../../gpu-agent/sandbox/sandbox.ts';
import { err, ok } from '../../shared/core/result.ts';
import { packFiles } from '../../shared/store/tree.ts';

const output = 'fold 0: 0.412 ± 0.013\n'.repeat(40);

export function createMemoryEngine(toolMs: number): SandboxEngine {
  const boxes = new Map<string, Sandbox>();
  let made = 0;
  return {
    async create(spec) {
      made += 1;
      const { runId, attemptId, epoch, slotId, purpose } = spec;
      const containerId = `memory-${made}`;
      const identity = { containerId, runId, attemptId, epoch, slotId, purpose, running: true };
      const box = memorySandbox(identity, toolMs, () => boxes.delete(containerId));
      boxes.set(containerId, box);
      return box;
    },
    list: async () => [...boxes.values()].map((box) => box.identity),
    async adopt(containerId) {
      const box = boxes.get(containerId);
      if (box === undefined) throw new Error(`no sandbox ${containerId}`);
      return box;
    },
    async remove(containerId) {
      boxes.delete(containerId);
    },
    silence: async () => undefined,
    check: async () => ({ engineVersion: 'memory', imageDigest: 'memory' }),
  };
}

function memorySandbox(identity: SandboxIdentity, toolMs: number, remove: () => void): Sandbox {
  const files = new Map<string, string>();
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, toolMs));
  return {
    identity,
    async call(call) {
      if (call.kind === 'writeFile') files.set(call.path, call.content);
      else await wait();
      return {
        exitStatus: 0,
        output,
        outputCharacters: output.length,
        truncated: false,
        wallSeconds: toolMs / 1000,
        peakMemoryBytes: 0,
        timedOut: false,
        outOfMemory: false,
        sessionRestarted: false,
      };
    },
    async execute() {
      await wait();
      files.set('/out/submission.csv', 'id,y\n3,1\n4,0\n');
      const wallSeconds = toolMs / 1000;
      return { end: 'completed', exitStatus: 0, log: output, wallSeconds, cpuSeconds: wallSeconds, peakMemoryBytes: 0 };
    },
    putTree: async () => undefined,
    async takeTree(directory) {
      const inside = [...files].filter(([path]) => path.startsWith(`${directory}/`));
      if (inside.length === 0) return err({ kind: 'missing', message: `there is no ${directory}` });
      const entries = inside.map(([path, content]) => ({
        path: path.slice(directory.length + 1),
        bytes: Buffer.from(content),
        executable: false,
      }));
      return ok(await packFiles(entries));
    },
    async takeFile(path) {
      const content = files.get(path);
      return content === undefined
        ? err({ kind: 'missing', message: `there is no ${path}` })
        : ok(Buffer.from(content));
    },
    quiet: async () => undefined,
    remove: async () => remove(),
  };
}
