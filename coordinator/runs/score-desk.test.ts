import { expect, test } from 'vitest';
import { digest } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { Event } from '../core/event.ts';
import { attemptOf, createRun, joinHost, newMachine } from '../core/machine.test-support.ts';
import type { Evaluation } from '../rpc/evaluator.ts';
import { newScoreDesk } from './score-desk.ts';

const submission = digest('a'.repeat(64));

function atWork() {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { scoreQueries: 2 });
  const { runId, id: attemptId, epoch, host } = attemptOf(machine, 1);
  if (host === undefined) throw new Error('no host has the attempt');
  const asked: PromiseWithResolvers<Evaluation>[] = [];
  const take = async (event: Event): Promise<boolean> => {
    const before = machine.journal.length;
    machine.take(event);
    return await Promise.resolve(machine.journal.length > before);
  };
  const warned: unknown[] = [];
  const desk = newScoreDesk({
    actor: { state: machine.state, post: take, report: take },
    evaluator: {
      evaluate() {
        const answer = Promise.withResolvers<Evaluation>();
        asked.push(answer);
        return answer.promise;
      },
    },
    artifacts: { size: async () => 3, stream: async function* () {} },
    log: { ...silentLogger, warn: (fields) => warned.push(fields) },
  });
  return { machine, desk, asked, warned, request: { runId, attemptId, epoch, host, submission } };
}

const score = { value: 0.5, standardError: 0.1, feedback: '0.5 ± 0.1', quarantined: false, quarantineReason: '' };
/** Long enough for everything that waits for nothing from outside. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a file that is with the evaluator is not sent again, and both who asked get its answer', async () => {
  const { machine, desk, asked, request } = atWork();
  const answers = Promise.all([desk.ask(request), desk.ask(request)]);
  await settled();
  const late = desk.ask(request);
  await settled();
  expect(asked).toHaveLength(1);
  asked[0]?.resolve({ kind: 'score', score });
  const expected = { answer: { feedback: '0.5 ± 0.1' }, left: 1 };
  expect([...(await answers), await late]).toEqual([expected, expected, expected]);
  expect(machine.journal.filter(({ kind }) => kind === 'scoreAsked' || kind === 'scoreTold')).toHaveLength(2);
});

test('where the evaluator fails, all who wait hear of it, and the next one asks anew without another score being counted', async () => {
  const { desk, asked, request } = atWork();
  const waiting = Promise.allSettled([desk.ask(request), desk.ask(request)]);
  await settled();
  asked[0]?.reject(new Error('the evaluator is away'));
  expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const again = desk.ask(request);
  await settled();
  expect(asked).toHaveLength(2);
  asked[1]?.resolve({ kind: 'score', score });
  expect((await again).left).toBe(1);
});

test('a host hears the evaluator in its own words, and of a call that did not come through one sentence without its address', async () => {
  const { desk, asked, warned, request } = atWork();
  const away = new RpcFault('unavailable', 'evaluator at 10.0.0.9:7443 does not answer (connection refused)', {
    reason: 'unreachable',
  });
  const late = new RpcFault('deadlineExceeded', 'evaluator at 10.0.0.9:7443 did not answer within 600000 ms');
  const torn = new RpcFault('internal', 'evaluator at 10.0.0.9:7443: the stream broke off');
  const own = new RpcFault('failedPrecondition', 'the run is sealed', { reason: 'runSealed' });
  for (const error of [away, late, torn, own]) {
    const answer = desk.ask(request).catch((fault: unknown) => fault);
    await settled();
    asked.at(-1)?.reject(error);
    const fault = await answer;
    if (error === own) expect(fault).toBe(own);
    else {
      const message = 'the evaluator gives no scores at the moment';
      expect(fault).toMatchObject({ code: error.code, reason: 'evaluatorAway', message });
    }
    expect(warned.at(-1)).toMatchObject({ error, attemptId: request.attemptId });
  }
});
