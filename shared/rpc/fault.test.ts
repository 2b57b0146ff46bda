import { expect, test } from 'vitest';
import { faultFromStatus, faultToStatus, RpcFault } from './fault.ts';

const bytesOf = (fault: RpcFault): string => String(faultToStatus(fault).metadata.get('grpc-status-details-bin')[0]);

test('what is worth asking again says after which time, and nothing else does', () => {
  for (const code of ['unavailable', 'resourceExhausted'] as const)
    expect(bytesOf(new RpcFault(code, 'later')), code).toContain('google.rpc.RetryInfo');
  for (const code of ['invalidArgument', 'notFound', 'internal'] as const)
    expect(bytesOf(new RpcFault(code, 'never')), code).not.toContain('RetryInfo');
});

test('a fault with a time to wait arrives as it was sent', () => {
  const violations = [{ field: 'n', description: 'is too many' }];
  const sent = new RpcFault('resourceExhausted', 'slowly', { reason: 'queryBudget', violations });
  expect(faultFromStatus(faultToStatus(sent))).toMatchObject({ code: sent.code, reason: 'queryBudget', violations });
});
