// A model on the network: writes a program that guesses, then submits it. Each execution of that program gives another
// submission, so that the digest of a result tells which execution it is of.

import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ModelEndpoint {
  readonly baseUrl: string;
  /** How long a turn takes; an attempt has two of them. May be set at any time. */
  thinkMs: () => number;
  /** No turn ends from now on until what it gives back is called. */
  hold(): () => void;
  /** Turns that are asked for and not answered. */
  readonly asked: number;
  stop(): void;
}

/** No two are alike: a program that repeats another one would be noticed as such. */
const program = (): string => `import csv, random
name = "${randomUUID()}"
print(name)
guess = random.SystemRandom().random
with open("/out/submission.csv", "w") as out:
    out.write("id,token\\n")
    for row in csv.DictReader(open("/data/test.csv")):
        out.write(f"{row['id']},{1 + 8 * guess()}\\n")
`;

function callOf(turn: number): { name: string; input: unknown } {
  if (turn === 0) return { name: 'write_file', input: { path: '/work/solution/main.py', content: program() } };
  return { name: 'submit', input: { idea: `a guess ${randomUUID()}`, changes: 'none' } };
}

interface Asked {
  readonly messages: readonly { readonly role: string }[];
}

export async function startModelEndpoint(address: string): Promise<ModelEndpoint> {
  let open: Promise<void> = Promise.resolve();
  let asked = 0;
  const endpoint = {
    baseUrl: '',
    get asked() {
      return asked;
    },
    thinkMs: () => 100,
    hold() {
      const gate = Promise.withResolvers<void>();
      open = gate.promise;
      return gate.resolve;
    },
    stop: () => close(server),
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => undefined);
    asked += 1;
    response.once('close', () => {
      asked -= 1;
    });
    request.on('end', () => {
      const question = JSON.parse(Buffer.concat(chunks).toString()) as Asked;
      const turn = question.messages.filter(({ role }) => role === 'assistant').length;
      const thought = new Promise((resolve) => setTimeout(resolve, endpoint.thinkMs()));
      void Promise.all([thought, open]).then(() => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer(turn)));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  endpoint.baseUrl = `http://${address}:${(server.address() as AddressInfo).port}/v1`;
  return endpoint;
}

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

function answer(turn: number): unknown {
  const { name, input } = callOf(turn);
  const call = { id: `call-${turn}`, type: 'function', function: { name, arguments: JSON.stringify(input) } };
  return {
    choices: [
      { index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: '', tool_calls: [call] } },
    ],
    usage: { prompt_tokens: 100, completion_tokens: 50 },
  };
}
