// gRPC clients over the simulated network: every message goes through its real encoding, which fills in what a sender left out.

import { silentLogger } from '../../shared/log.ts';
import type { Identity } from '../../shared/pki/identity.ts';
import type { RpcClient, StreamOptions } from '../../shared/rpc/client.ts';
import { type ServiceName, serviceDefinition } from '../../shared/rpc/definitions.ts';
import { type CallContext, type Handlers, toFault } from '../../shared/rpc/handlers.ts';
import type { Call, Network } from './network.ts';

/** Carries a call out at the other end. */
export type Handle = (method: string, request: unknown) => Promise<object>;

export interface SimClientOptions<Name extends ServiceName> extends Pick<Call<unknown>, 'from' | 'to'> {
  readonly service: Name;
  readonly network: Network;
  readonly handle: Handle;
}

/** Longer than a simulated world lasts. */
const noDeadlineMs = 1e9;

/** Calls of one answer; what streams an answer is not simulated. */
export function simClient<Name extends ServiceName>(options: SimClientOptions<Name>): RpcClient<Name> {
  const { service, from, to, network, handle } = options;
  const methods = Object.entries(serviceDefinition(service)).map(([method, wire]) => {
    const call = async (input: unknown, { deadlineMs = noDeadlineMs, signal }: StreamOptions = {}) => {
      if (wire.responseStream) throw new Error(`${service} ${method} is not simulated`);
      const sent: Buffer[] = [];
      if (wire.requestStream) {
        for await (const message of input as AsyncIterable<unknown>) sent.push(wire.requestSerialize(message));
      } else sent.push(wire.requestSerialize(input));
      const work = async (): Promise<Buffer> => {
        const received = sent.map((bytes) => wire.requestDeserialize(bytes) as unknown);
        return wire.responseSerialize(await handle(method, wire.requestStream ? oneByOne(received) : received[0]));
      };
      return wire.responseDeserialize(await network.call({ from, to, deadlineMs, signal, work })) as unknown;
    };
    return [method, call] as const;
  });
  return { ...Object.fromEntries(methods), close: () => undefined } as unknown as RpcClient<Name>;
}

async function* oneByOne(messages: readonly unknown[]): AsyncGenerator<unknown> {
  for (const message of messages) yield await Promise.resolve(message);
}

/** What real handlers do for that caller. */
export function handledBy<Name extends ServiceName>(handlers: Handlers<Name>, identity: Identity): Handle {
  const byName = handlers as unknown as Record<string, (request: unknown, context: CallContext) => Promise<object>>;
  // Whoever goes away is noticed by the network alone: no handler ends its work for that, and none is told.
  const { signal } = new AbortController();
  return async (method, request) => {
    const handler = byName[method];
    if (handler === undefined) throw new Error(`there is no ${method}`);
    const context = { identity, signal, method };
    try {
      return await handler(request, context);
    } catch (error) {
      throw toFault(error, context, silentLogger);
    }
  };
}
