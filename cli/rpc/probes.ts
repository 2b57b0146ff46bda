// Whether a daemon serves: asks each for something small that only a working one can answer.

import { connect } from 'node:net';
import { createRpcClient } from '../../shared/rpc/client.ts';
import type { DaemonName } from '../cluster/layout.ts';

export interface Tls {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Resolves where the daemon serves; rejects with the reason where it does not. */
export async function probe(name: DaemonName, address: string, tls: Tls, deadlineMs: number): Promise<void> {
  switch (name) {
    case 'nats':
      await probeNats(address, deadlineMs);
      return;
    case 'coordinator':
      await ask(
        createRpcClient({
          service: 'doubleblind.coordinator.v1.SearchService',
          address,
          tls,
          expectRole: 'coordinator',
        }),
        (client) => client.listRuns({ pageSize: 1 }, { deadlineMs }),
      );
      return;
    case 'gpu-agent':
      await ask(
        createRpcClient({ service: 'doubleblind.agent.v1.AgentService', address, tls, expectRole: 'gpu-agent' }),
        (client) => client.describeHost({}, { deadlineMs }),
      );
      return;
    case 'evaluator':
      await ask(
        createRpcClient({
          service: 'doubleblind.evaluator.v1.EvaluatorService',
          address,
          tls,
          expectRole: 'evaluator',
        }),
        (client) => client.listTasks({ pageSize: 1 }, { deadlineMs }),
      );
      return;
    case 'llm-gateway':
      await ask(
        createRpcClient({ service: 'doubleblind.gateway.v1.LlmService', address, tls, expectRole: 'llm-gateway' }),
        (client) => client.listModels({}, { deadlineMs }),
      );
      return;
  }
}

async function ask<Client extends { close(): void }>(
  client: Client,
  question: (client: Client) => Promise<unknown>,
): Promise<void> {
  try {
    await question(client);
  } finally {
    client.close();
  }
}

/** A nats-server greets everybody with INFO, before TLS. */
function probeNats(address: string, deadlineMs: number): Promise<void> {
  const [host = '', port = ''] = address.split(/:(?=\d+$)/);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), timeout: deadlineMs });
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(`nats-server at ${address} does not answer (${reason})`));
    };
    socket.once('data', (greeting) => {
      if (!greeting.toString('latin1').startsWith('INFO ')) return fail('something else is there');
      socket.destroy();
      resolve();
    });
    socket.once('timeout', () => fail('no greeting'));
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail('connection closed'));
  });
}
