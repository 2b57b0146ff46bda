// An OpenAI-compatible endpoint on the loopback that charges: each answer is worth a fixed number of tokens, and unless a test says
// otherwise each attempt is two answers, a program and `submit`. What it served is its bill.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PricedEndpoint {
  readonly baseUrl: string;
  /** Answers served. */
  readonly calls: number;
  stop(): void;
}

/** Tokens of each answer, read and written. */
export const tokensPerCall = 1000;

/** Probabilities that differ from program to program, so that no two candidates are the same. */
const program = (number: number): string => `import csv, random
rng = random.Random(${number})
with open("/data/sample_submission.csv") as source, open("/out/submission.csv", "w") as out:
    head, *rows = csv.reader(source)
    shares = [1 + rng.random() for _ in head[1:]]
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([row[0], *[share / sum(shares) for share in shares]] for row in rows)
`;

/** A call of a tool. */
export interface ToolCall {
  readonly name: string;
  readonly arguments: unknown;
}

/** Writes a guessing program; different numbers give different ones. */
export const write = (number: number): ToolCall => ({
  name: 'write_file',
  arguments: { path: '/work/solution/main.py', content: program(number) },
});
export const submit: ToolCall = {
  name: 'submit',
  arguments: { idea: 'guess', changes: 'none', expectation: 'little' },
};

/** `turns` are the calls of an attempt in their order, as the endpoint's answer of that number would be one of them; the last is given again. */
export async function startPricedEndpoint(
  turns: (number: number) => readonly ToolCall[] = (number) => [write(number), submit],
): Promise<PricedEndpoint> {
  let calls = 0;
  const server = createServer((request, response) => {
    let asked = '';
    request.on('data', (chunk) => (asked += String(chunk)));
    request.on('end', () => {
      calls += 1;
      const { messages } = JSON.parse(asked) as { readonly messages: readonly { readonly role: string }[] };
      const script = turns(calls);
      const said = messages.filter(({ role }) => role === 'assistant').length;
      const { name, arguments: input } = script[Math.min(said, script.length - 1)] ?? submit;
      const call = {
        index: 0,
        id: `c${calls}`,
        type: 'function',
        function: { name, arguments: JSON.stringify(input) },
      };
      const usage = { prompt_tokens: tokensPerCall, completion_tokens: tokensPerCall };
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of [
        { choices: [{ index: 0, delta: { role: 'assistant', tool_calls: [call] }, finish_reason: null }] },
        { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
        { choices: [], usage },
      ]) {
        response.write(
          `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', model: 'priced', ...piece })}\n\n`,
        );
      }
      response.end('data: [DONE]\n\n');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get calls() {
      return calls;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
