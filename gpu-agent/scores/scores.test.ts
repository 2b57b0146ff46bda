import { expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { attemptId, digest, runId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { coordinatorScores } from './scores.ts';

/** What the model reads where every call ends so. */
async function told(fault: RpcFault): Promise<unknown> {
  const scores = coordinatorScores({
    client: { scoreSubmission: () => Promise.reject(fault) },
    ...{ clock: systemClock, log: silentLogger, random: () => 0.5 },
  });
  const submission = digest('a'.repeat(64));
  const request = { runId: runId('digits-aaaaaa'), attemptId: attemptId('digits-aaaaaa-0001'), epoch: 1, submission };
  return await scores.ask(request, { timeoutMs: 0, signal: new AbortController().signal });
}

test('a model reads why it gets no score in the words of the coordinator, and never where that is', async () => {
  const away = 'coordinator at 10.0.0.1:7441 does not answer (connection refused); is it running?';
  const silent = { kind: 'denied', message: 'no answer came in time' };
  expect(await told(new RpcFault('unavailable', away, { reason: 'unreachable' }))).toEqual(silent);
  expect(await told(new RpcFault('deadlineExceeded', away))).toEqual(silent);
  expect(await told(new RpcFault('internal', away))).toEqual(silent);
  const used = new RpcFault('resourceExhausted', 'the attempt has had its 2 scores', { reason: 'scoresUsed' });
  expect(await told(used)).toEqual({ kind: 'denied', message: 'the attempt has had its 2 scores' });
});
