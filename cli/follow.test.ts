import { expect, test } from 'vitest';
import type { RunEvent } from './core/model.ts';
import { followRun } from './follow.ts';
import type { Coordinator } from './rpc/coordinator.ts';
import { quietContext } from './testing/run-verb.ts';
import { sampleRun } from './testing/sample-run.ts';

test('a run that was sealed after its kill is followed to the seal', async () => {
  const states = ['running', 'killed', 'sealing', 'sealed'] as const;
  const run = sampleRun({ state: 'sealed', lastSequence: states.length });
  let ended = false;
  async function* watchRun(): AsyncGenerator<RunEvent> {
    for (const [index, state] of states.entries()) {
      yield { sequence: index + 1, at: null, kind: 'any', candidate: null, run: { ...run, state } };
    }
    ended = true;
  }
  const coordinator: Pick<Coordinator, 'watchRun' | 'getRun' | 'listCandidates'> = {
    watchRun,
    getRun: async () => await Promise.resolve(run),
    listCandidates: async () => await Promise.resolve([]),
  };
  let text = '';
  const cli = quietContext();
  const output = { ...cli.stdout, write: (more: string) => (text += more) };
  const followed = await followRun(cli, { coordinator: coordinator as Coordinator, run, output });
  expect(followed).toMatchObject({ kind: 'ended', run: { state: 'sealed' } });
  expect(ended).toBe(true);
  expect(text).toContain('sealed after');
  expect(text).not.toContain('without a verdict');
});
