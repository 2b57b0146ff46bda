// The llm-gateway as the verbs see it: what was spent, and whether a model works.

import type { ModelCheck } from '../../proto/generated/doubleblind/gateway/v1.ts';
import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import type { Place } from '../context.ts';
import type { Spend } from '../core/cost.ts';
import { operatorTls } from './coordinator.ts';

const deadlineMs = 15_000;
/** The most that a page may have. */
const pageSize = 1000;
/** A reasoning model that is asked for a sum may think for a while. */
const checkDeadlineMs = 180_000;

/** What a run was charged, by attempt and model. */
export async function fetchSpend(place: Place, runId: string): Promise<Spend[]> {
  return await withGateway(place, async (client) => {
    const spend: Spend[] = [];
    let pageToken = '';
    do {
      const { rows, nextPageToken } = await client.getSpend({ runId, pageSize, pageToken }, { deadlineMs });
      spend.push(...rows.map(({ runId: _run, ...row }) => row));
      pageToken = nextPageToken;
    } while (pageToken !== '');
    return spend;
  });
}

/** Asks every upstream of the model for one small turn; empty for the default model. */
export async function checkModel(place: Place, model: string): Promise<ModelCheck[]> {
  return await withGateway(
    place,
    async (client) => (await client.checkModel({ model }, { deadlineMs: checkDeadlineMs })).checks,
  );
}

async function withGateway<Value>(
  place: Place,
  work: (client: RpcClient<'doubleblind.gateway.v1.LlmService'>) => Promise<Value>,
): Promise<Value> {
  const client = createRpcClient({
    service: 'doubleblind.gateway.v1.LlmService',
    address: place.gateway,
    tls: operatorTls(place),
    expectRole: 'llm-gateway',
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
