import { expect, test } from 'vitest';
import { RpcFault } from '../shared/rpc/fault.ts';
import { CliError, causedBy, exitCodes } from './exit-codes.ts';
import { describeFailure } from './failure.ts';

test('each kind of refusal has its exit code', () => {
  const codes = (
    ['invalidArgument', 'notFound', 'failedPrecondition', 'unavailable', 'permissionDenied', 'internal'] as const
  ).map((code) => describeFailure(new RpcFault(code, 'why'), false).exitCode);
  expect(codes).toEqual([2, 3, 6, 69, 77, 1]);
});

test('a certificate of ours that has ended is refused access and no dead coordinator', () => {
  const message = 'your certificate op.crt ended on 2026-01-01; renew it with: doubleblind pki issue operator --name a';
  const { exitCode, text } = describeFailure(
    new RpcFault('unavailable', message, { reason: 'certificateEnded' }),
    false,
  );
  expect(exitCode).toBe(77);
  expect(text).toContain('ca.key');
  expect(text).not.toContain('doubleblind up');
});

test('a refused field is named with what is wrong with it', () => {
  const fault = new RpcFault('invalidArgument', 'the options are not valid', {
    violations: [{ field: 'options.seed', description: 'is negative' }],
  });
  expect(describeFailure(fault, false).text).toBe('the options are not valid.\n  options.seed: is negative');
});

test('nothing shows a stack trace unless it is asked for', () => {
  const error = causedBy(new Error('inner'), exitCodes.precondition, 'Set up failed', ['Do this.']);
  expect(describeFailure(error, false)).toEqual({ exitCode: 6, text: 'Set up failed.\n  Do this.' });
  expect(describeFailure(error, true).text).toContain('caused by: Error: inner');
  for (const odd of [new TypeError('x is not a function'), 'text', undefined, null, { a: 1 }]) {
    expect(describeFailure(odd, false).text).not.toMatch(/^\s+at /m);
  }
});

test('a full disk is told in words', () => {
  const error = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC', path: '/x/report.html' });
  expect(describeFailure(error, false).text).toBe(
    '/x/report.html: the disk is full; free some space and repeat the command.',
  );
});

test('a failure of ours carries its own exit code', () => {
  expect(describeFailure(new CliError(4, 'No candidate'), false).exitCode).toBe(4);
});
