// Whether the model that a run asks for is one that the gateway has: told before the run begins, because a slip in the name
// would fail every attempt until the budget is used.

import { RpcFault } from '../../shared/rpc/fault.ts';

/** What the gateway offers. */
export interface ModelCatalogue {
  /** Names in order of preference, at most a page of them; `isWhole` is false where there are more. Rejects with RpcFault. */
  modelNames(): Promise<{ readonly names: readonly string[]; readonly isWhole: boolean }>;
}

/**
 * Throws INVALID_ARGUMENT for a model that the gateway does not have. The empty name is the gateway's default. A gateway that does not
 * answer refuses nothing: runs are created without it, and their attempts wait for it.
 */
export async function refuseUnknownModel(catalogue: ModelCatalogue, model: string): Promise<void> {
  if (model === '') return;
  const offered = await catalogue.modelNames().catch(() => undefined);
  if (offered === undefined || !offered.isWhole || offered.names.includes(model)) return;
  const description = `no upstream of the gateway serves ${JSON.stringify(model)}; there are: ${offered.names.join(', ')}`;
  throw new RpcFault('invalidArgument', description, {
    reason: 'unknownModel',
    violations: [{ field: 'options.model', description }],
  });
}
