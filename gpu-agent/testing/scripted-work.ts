// What scripted models of the agent's tests write and hand in, and how it is seen what came of it. For tests only.

import { vi } from 'vitest';
import type { AttemptEnded } from '../../shared/bus/messages.ts';
import type { Agent } from '../agent.ts';
import type { ToolCall } from '../core/conversation.ts';
import type { Rig } from './agent-rig.ts';
import { scriptedCall } from './scripted-model.ts';

/** Hands in one row for each of the task's. */
export const program = `import csv
print("training")
with open("/out/submission.csv", "w") as out:
    writer = csv.writer(out)
    writer.writerow(["id", "y"])
    writer.writerows([[3, 1], [4, 0]])
`;
export const submit = scriptedCall('submit', { idea: 'copy', changes: 'none', expectation: '0.5' });

/** The turn that writes main.py. */
export function write(content: string): ToolCall[] {
  return scriptedCall('write_file', { path: '/work/solution/main.py', content });
}

/** Waits for the end of an attempt. */
export async function endOf(rig: Rig, id = 'attempt-1'): Promise<AttemptEnded['body']> {
  return await vi.waitFor(
    () => {
      const event = rig.bus.ended(id);
      if (event === undefined) throw new Error('not ended yet');
      return event.body;
    },
    { timeout: 20_000, interval: 10 },
  );
}

/** Its transcript so far, or, followed, until its end. */
export async function transcriptOf(
  agent: Agent,
  id = 'attempt-1',
  { follow = false } = {},
): Promise<Record<string, unknown>[]> {
  const entries = agent.transcript(id, 0, follow, new AbortController().signal);
  const found: Record<string, unknown>[] = [];
  for await (const { json } of entries ?? []) found.push(JSON.parse(json) as Record<string, unknown>);
  return found;
}
