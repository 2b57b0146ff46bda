// gRPC clients over the simulated network: every message goes through its real encoding, which fills in what a sender left out.

import { silentLogger } from '../../shared/log.ts';
import type { Identity } from '../../shared/pki/identity.ts';
import type { RpcClient, StreamOptions } from '../../shared/rpc/client.ts';
import { type ServiceName, serviceDefinition } from '../../shared/rpc/definitions.ts';
import { type CallContext, type Handlers, toFault } from '../../shared/rpc/handlers.ts';
import type { Call, Network } from './network.ts';

/** Carries a call out at the other end: its answer, or the messages of a streamed one. */
export type Handle = (method: string, request: unknown) => Promise<object> | AsyncIterable<object>;

export interface SimClientOptions<Name extends ServiceName> extends Pick<Call<unknown>, 'from' | 'to'> {
  readonly service: Name;
  readonly network: Network;
  readonly handle: Handle;
}

/** Longer than a simulated world lasts. */
const noDeadlineMs = 1e9;

/** A stream comes and goes as a whole. */
export function simClient<Name extends ServiceName>(options: SimClientOptions<Name>): RpcClient<Name> {
  const { service, from, to, network, handle } = options;
  const methods = Object.entries(serviceDefinition(service)).map(([method, wire]) => {
    const answers = async (input: unknown, { deadlineMs = noDeadlineMs, signal }: StreamOptions) => {
      const sent: Buffer[] = [];
      for await (const message of wire.requestStream ? (input as AsyncIterable<unknown>) : [input]) {
        sent.push(wire.requestSerialize(message));
      }
      const work = async (): Promise<Buffer[]> => {
        const received = sent.map((bytes) => wire.requestDeserialize(bytes) as unknown);
        const answer = handle(method, wire.requestStream ? oneByOne(received) : received[0]);
        const told: Buffer[] = [];
        for await (const message of wire.responseStream ? (answer as AsyncIterable<object>) : [answer]) {
          told.push(wire.responseSerialize(message));
        }
        return told;
      };
      const told = await network.call({ from, to, deadlineMs, signal, work });
      return told.map((bytes) => wire.responseDeserialize(bytes) as unknown);
    };
    const call = async (input: unknown, given: StreamOptions = {}) => (await answers(input, given))[0];
    async function* stream(input: unknown, given: StreamOptions = {}): AsyncGenerator<unknown> {
      yield* await answers(input, given);
    }
    return [method, wire.responseStream ? stream : call] as const;
  });
  return { ...Object.fromEntries(methods), close: () => undefined } as unknown as RpcClient<Name>;
}

async function* oneByOne(messages: readonly unknown[]): AsyncGenerator<unknown> {
  for (const message of messages) yield await Promise.resolve(message);
}

type Handler = (request: unknown, context: CallContext) => Promise<object> | AsyncIterable<object>;

/** What real handlers do for that caller. */
export function handledBy<Name extends ServiceName>(handlers: Handlers<Name>, identity: Identity): Handle {
  const byName = handlers as unknown as Record<string, Handler>;
  // Whoever goes away is noticed by the network alone: no handler ends its work for that, and none is told.
  const { signal } = new AbortController();
  return (method, request) => {
    const handler = byName[method];
    if (handler === undefined) throw new Error(`there is no ${method}`);
    const context = { identity, signal, method };
    const answer = handler(request, context);
    if (Symbol.asyncIterator in answer) return answer;
    return answer.catch((error: unknown) => {
      throw toFault(error, context, silentLogger);
    });
  };
}
