// The llm-gateway as the coordinator needs it: accounts for attempts, and which models there are.

import { createRpcClient, type RpcClient } from '../../shared/rpc/client.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { TlsPaths } from '../../shared/rpc/tls-files.ts';
import type { ModelCatalogue } from './known-model.ts';

/** One execution of an attempt. */
interface AccountHolder {
  readonly runId: string;
  readonly attemptId: string;
  readonly epoch: number;
}

/** What the model may cost; 0 means no limit. */
export interface AccountLimits {
  /** Output tokens of the attempt. */
  readonly outputTokens: number;
  readonly runDollars: number;
  readonly runOutputTokens: number;
}

/** What all executions of an attempt have spent on models; turns under way count as what they may cost at most. */
export interface ModelSpend {
  readonly dollars: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Opens and closes accounts of attempts. Calls are idempotent and reject with RpcFault. */
export interface Gateway {
  /** Returns the token that only this host may use. */
  openAttempt(holder: AccountHolder, host: string, limits: AccountLimits, signal?: AbortSignal): Promise<string>;
  /** Also tells what the attempt has spent; undefined where the answer does not say. */
  closeAttempt(holder: AccountHolder, signal?: AbortSignal): Promise<ModelSpend | undefined>;
  close(): void;
}

/** The budget of the run that a refusal of `openAttempt` says is used up; undefined for other failures. */
export function spentRunBudget(error: unknown): 'dollars' | 'tokens' | undefined {
  if (!(error instanceof RpcFault) || error.reason !== 'budgetSpent' || error.metadata['scope'] !== 'run')
    return undefined;
  return error.metadata['budget'] === 'dollars' ? 'dollars' : 'tokens';
}

const deadlineMs = 5000;
/** Somebody waits for a run to be created; without an answer it is created all the same. */
const catalogueDeadlineMs = 2000;

/** A client of the llm-gateway; it connects with its first call. */
export function connectGateway(options: {
  readonly address: string;
  readonly tls: TlsPaths;
}): Gateway & ModelCatalogue {
  return gatewayOver(
    createRpcClient<Service>({ service: 'doubleblind.gateway.v1.LlmService', expectRole: 'llm-gateway', ...options }),
  );
}

type Service = 'doubleblind.gateway.v1.LlmService';

/** The port over a client; the simulator has one of its own. */
export function gatewayOver(
  client: Pick<RpcClient<Service>, 'openAttempt' | 'closeAttempt' | 'listModels' | 'close'>,
): Gateway & ModelCatalogue {
  return {
    async openAttempt({ runId, attemptId, epoch }, host, limits, signal) {
      const attempt = { runId, attemptId, epoch };
      const { token } = await client.openAttempt({ attempt, host, ...limits }, { deadlineMs, signal });
      return token;
    },
    async closeAttempt({ runId, attemptId, epoch }, signal) {
      const { usage } = await client.closeAttempt({ attempt: { runId, attemptId, epoch } }, { deadlineMs, signal });
      return usage ?? undefined;
    },
    async modelNames() {
      const { models, nextPageToken } = await client.listModels(
        { pageSize: 1000, pageToken: '' },
        { deadlineMs: catalogueDeadlineMs },
      );
      return { names: [...new Set(models.map(({ name }) => name))], isWhole: nextPageToken === '' };
    },
    close: () => client.close(),
  };
}
