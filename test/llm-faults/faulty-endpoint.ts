// An OpenAI-compatible endpoint on the loopback that plays a fixed conversation to each attempt and fails as told.
//
// Owns: the conversation (some tool calls, a program, submit), the faults, and its own bill: what a provider would charge,
// cut and malformed answers included. Which step is next is read from the conversation, as a model would.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { nextFloat, type Rng, seedRng } from '../../shared/core/rng.ts';

/** What can go wrong; each is as likely as the others. */
export const faults = [
  'rate limited (429)',
  'server error (503)',
  'silence before an answer',
  'silence in an answer',
  'stream cut',
  'malformed tool call',
  'no choice in the answer',
  'conversation too long (400)',
] as const;

export interface EndpointOptions {
  readonly seed: string;
  /** Share of the turns that fail. */
  readonly faultShare: number;
  readonly thinkMs: number;
  readonly retryAfterMs: number;
  /** Tool calls of an attempt before it writes its program. */
  readonly lookCalls: number;
}

export interface FaultyEndpoint {
  readonly baseUrl: string;
  readonly requests: number;
  readonly failed: ReadonlyMap<string, number>;
  /** Tokens that a provider would charge. */
  readonly bill: { readonly inputTokens: number; readonly outputTokens: number };
  stop(): void;
}

interface Asked {
  readonly messages: readonly {
    readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
  }[];
}

export async function startFaultyEndpoint(options: EndpointOptions): Promise<FaultyEndpoint> {
  const rng = seedRng(options.seed);
  const failed = new Map<string, number>();
  const bill = { inputTokens: 0, outputTokens: 0 };
  let requests = 0;
  const answer = (asked: Asked, characters: number, response: ServerResponse): void => {
    requests += 1;
    const fault = nextFloat(rng) < options.faultShare ? pick(rng) : undefined;
    if (fault !== undefined) failed.set(fault, (failed.get(fault) ?? 0) + 1);
    const step = nextStep(asked, options.lookCalls);
    const served = serve(response, { fault, step, inputTokens: Math.ceil(characters / 4) }, options);
    bill.inputTokens += served.inputTokens;
    bill.outputTokens += served.outputTokens;
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      // Thinking takes from half to one and a half times as long as the mean.
      const waitMs = options.thinkMs * (0.5 + nextFloat(rng));
      setTimeout(() => answer(JSON.parse(text) as Asked, text.length, response), waitMs);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get requests() {
      return requests;
    },
    failed,
    bill,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function pick(rng: Rng): (typeof faults)[number] {
  return faults[Math.floor(nextFloat(rng) * faults.length)] ?? faults[0];
}

/** The step after the last call that was made; a malformed one is made again. */
function nextStep({ messages }: Asked, lookCalls: number): number {
  const last = messages.findLast((message) => message.tool_calls !== undefined)?.tool_calls?.at(-1)?.function;
  if (last === undefined) return 0;
  const step = last.name === 'bash' ? Number(/--part (\d+)/.exec(last.arguments)?.[1] ?? 0) : lookCalls;
  return last.arguments.endsWith('}') ? step + 1 : step;
}

const program = `print("training")\n${'# a line of a program of some length\n'.repeat(40)}`;

/** The tool call of a step. */
function callOf(step: number, lookCalls: number): { name: string; input: string } {
  if (step < lookCalls) return { name: 'bash', input: JSON.stringify({ command: `python3 look.py --part ${step}` }) };
  if (step === lookCalls) {
    return { name: 'write_file', input: JSON.stringify({ path: '/work/solution/main.py', content: program }) };
  }
  return { name: 'submit', input: JSON.stringify({ idea: 'trees', changes: 'none', expectation: '0.5' }) };
}

interface Serving {
  readonly fault: (typeof faults)[number] | undefined;
  readonly step: number;
  readonly inputTokens: number;
}

/** Sends the answer or the fault; gives back what is charged for it. */
function serve(response: ServerResponse, { fault, step, inputTokens }: Serving, options: EndpointOptions) {
  const { name, input } = callOf(step, options.lookCalls);
  const thought = 'I look at the data, think about what it tells me, and go on with the next step. '.repeat(3);
  const outputTokens = Math.ceil((thought.length + input.length) / 4);
  const nothing = { inputTokens: 0, outputTokens: 0 };
  const refuse = (status: number, message: string, headers: Record<string, string> = {}) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message } }));
    return nothing;
  };
  const begin = () => response.writeHead(200, { 'content-type': 'text/event-stream' });
  const usage = { choices: [], usage: { prompt_tokens: inputTokens, completion_tokens: outputTokens } };
  switch (fault) {
    case 'rate limited (429)':
      return refuse(429, 'slow down', { 'retry-after-ms': String(options.retryAfterMs) });
    case 'server error (503)':
      return refuse(503, 'overloaded');
    case 'conversation too long (400)':
      return refuse(400, "This model's maximum context length is 1000 tokens");
    case 'silence before an answer':
      return nothing;
    case 'silence in an answer':
    case 'stream cut':
      begin();
      response.write(chunk({ content: thought }), () => {
        if (fault === 'stream cut') response.destroy();
      });
      return { inputTokens, outputTokens: Math.ceil(thought.length / 4) };
    case 'no choice in the answer':
      begin().end(
        `${data({ choices: [], usage: { prompt_tokens: inputTokens, completion_tokens: 0 } })}data: [DONE]\n\n`,
      );
      return { inputTokens, outputTokens: 0 };
    case 'malformed tool call':
    case undefined: {
      const sent = fault === undefined ? input : input.slice(0, -2);
      begin().write(chunk({ content: thought }));
      response.write(chunk({ tool_calls: [{ index: 0, id: `c${step}`, function: { name, arguments: sent } }] }));
      response.end(`${chunk({}, 'tool_calls')}${data(usage)}data: [DONE]\n\n`);
      return { inputTokens, outputTokens };
    }
  }
}

function chunk(delta: unknown, finish: string | null = null): string {
  return data({ choices: [{ index: 0, delta, finish_reason: finish }] });
}

function data(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
