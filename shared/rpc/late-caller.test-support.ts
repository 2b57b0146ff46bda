// A caller in a thread of its own, for a test that stops the thread of the server: it calls and gives up while nobody reads.

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createRpcClient } from './client.ts';
import type { TlsPaths } from './tls-files.ts';

export interface LateCaller {
  readonly address: string;
  readonly tls: TlsPaths;
  /** Its only element becomes 1 when the call was given up. */
  readonly givenUp: Int32Array;
}

if (parentPort === null) throw new Error('late-caller.test-support.ts runs in a thread');
const { address, tls, givenUp } = workerData as LateCaller;
const client = createRpcClient({ service: 'doubleblind.agent.v1.AgentService', address, tls, expectRole: 'gpu-agent' });
await client.confirmEvents({ sequences: [0] }, { deadlineMs: 20_000 });
parentPort.postMessage('connected');
await once(parentPort, 'message');
await client.confirmEvents({ sequences: [1] }, { deadlineMs: 50 }).catch(() => undefined);
// The reset leaves after the fault.
await sleep(20);
Atomics.store(givenUp, 0, 1);
Atomics.notify(givenUp, 0);
await client.confirmEvents({ sequences: [2] }, { deadlineMs: 20_000 });
client.close();
