// The evaluator's ledger as the verbs see it. Nothing else of the evaluator is open to an operator's certificate.

import { createRpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { ChainRecord } from '../../shared/store/hash-chain.ts';
import type { Place } from '../context.ts';
import { causedBy, exitCodes } from '../exit-codes.ts';
import { operatorTls } from './coordinator.ts';

/** Pages are read from the evaluator's disk; a thousand records take milliseconds. */
const deadlineMs = 15_000;
const pageSize = 1000;

/** The whole chain with the key that signs it. */
export async function fetchLedger(
  place: Place,
  address: string,
): Promise<{ readonly records: ChainRecord[]; readonly publicKeyPem: string }> {
  const client = createRpcClient({
    service: 'doubleblind.evaluator.v1.EvaluatorService',
    address,
    tls: operatorTls(place),
    expectRole: 'evaluator',
  });
  try {
    const records: ChainRecord[] = [];
    for (let pageToken = ''; ; ) {
      const page = await client.listLedger({ runId: '', pageSize, pageToken }, { deadlineMs });
      for (const { bodyJson, sequence, previousHash, hash, signature } of page.records) {
        records.push({ sequence, previousHash, body: bodyJson, hash, signature });
      }
      pageToken = page.nextPageToken;
      if (pageToken === '') return { records, publicKeyPem: page.publicKeyPem };
    }
  } catch (error) {
    throw withAdvice(error);
  } finally {
    client.close();
  }
}

/** What failures are told with speaks of the coordinator; here it is another daemon that does not answer, and another flag that names it. */
function withAdvice(error: unknown): unknown {
  if (!(error instanceof RpcFault) || (error.reason !== 'unreachable' && error.code !== 'deadlineExceeded'))
    return error;
  return causedBy(error, exitCodes.unavailable, error.message, [
    'Name the evaluator-node with --evaluator HOST:PORT or DOUBLEBLIND_EVALUATOR; the coordinator does not tell where it is.',
    'Its network may keep operators out: `doubleblind audit verify --file` checks what `audit export` wrote where it can be reached.',
  ]);
}
