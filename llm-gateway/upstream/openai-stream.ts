// A completion that comes in pieces, put together into the shape of one that came whole.
//
// Differences met in practice, each with a test: no index of a tool call, or index 0 for all; the name in every piece;
// arguments as an object; no usage, usage in every piece, or in a last one without choices; a whole `message` instead of
// a `delta`; an error in the middle; no `[DONE]`; keep-alive comments; a stream that ends in the middle of a call.

import { z } from 'zod';
import { reasoningCharacters } from './openai-wire.ts';
import { charactersIn } from './text-size.ts';

const callSchema = z.looseObject({
  index: z.number().nullish(),
  id: z.string().nullish(),
  function: z
    .looseObject({
      name: z.string().nullish(),
      arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).nullish(),
    })
    .nullish(),
});

const pieceSchema = z.looseObject({
  content: z.string().nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.unknown().optional(),
  reasoning: z.unknown().optional(),
  tool_calls: z.array(callSchema).nullish(),
});

const chunkSchema = z.looseObject({
  error: z.unknown().optional(),
  usage: z.unknown().optional(),
  choices: z
    .array(
      z.looseObject({
        index: z.number().nullish(),
        finish_reason: z.string().nullish(),
        delta: pieceSchema.nullish(),
        message: pieceSchema.nullish(),
      }),
    )
    .nullish(),
});

interface OpenCall {
  readonly index: number | undefined;
  readonly id: string;
  name: string;
  input: string;
}

/** A stream that is being read. */
export class StreamedCompletion {
  #content = '';
  #refusal = '';
  #notKept = 0;
  #finish: string | null = null;
  #usage: unknown;
  #error: unknown;
  #done: boolean = false;
  readonly #calls: OpenCall[] = [];

  /** Takes one line of the event stream. */
  takeLine(line: string): void {
    // Comments keep a connection alive; `event:`, `id:` and empty lines carry nothing here.
    if (!line.startsWith('data:')) return;
    const data = line.slice('data:'.length).trim();
    if (data === '[DONE]') {
      this.#done = true;
      return;
    }
    const parsed = chunkSchema.safeParse(parse(data));
    if (parsed.success) this.#takeChunk(parsed.data);
    else this.#notKept += charactersIn(data);
  }

  /** True when nothing more is to come. */
  get ended(): boolean {
    return this.#done || this.#error !== undefined;
  }

  /** True where the stream said that the answer is complete. */
  get complete(): boolean {
    return this.#done || this.#finish !== null || this.#error !== undefined;
  }

  /** Characters that were received, for an estimate of their tokens: reasoning and torn pieces too, which are paid for. */
  get characters(): number {
    const ofCalls = this.#calls.flatMap(({ name, input }) => [name, input]);
    return charactersIn(this.#content, this.#refusal, ...ofCalls) + this.#notKept;
  }

  /** The completion so far; of one that was cut, only calls that are certainly whole. */
  completion(): unknown {
    const calls = this.complete ? this.#calls : this.#calls.filter((call) => isObjectText(call.input));
    const message = {
      role: 'assistant',
      content: this.#content,
      ...(this.#refusal === '' ? {} : { refusal: this.#refusal }),
      tool_calls: calls.map(({ id, name, input }) => ({ id, type: 'function', function: { name, arguments: input } })),
    };
    const empty = this.#content === '' && this.#refusal === '' && calls.length === 0;
    return {
      ...(this.#error === undefined ? {} : { error: this.#error }),
      choices: empty || this.#error !== undefined ? [] : [{ index: 0, finish_reason: this.#finish, message }],
      ...(this.#usage === undefined ? {} : { usage: this.#usage }),
    };
  }

  /** Whether a stream that was cut holds a call that can be run all the same. */
  get hasWholeCall(): boolean {
    return this.#calls.some((call) => isObjectText(call.input));
  }

  #takeChunk({ error, usage, choices }: z.output<typeof chunkSchema>): void {
    if (error !== undefined && error !== null) this.#error = error;
    if (usage !== undefined && usage !== null) this.#usage = usage;
    const choice = choices?.find((one) => (one.index ?? 0) === 0);
    if (choice === undefined) return;
    const piece = choice.delta ?? choice.message;
    this.#content += piece?.content ?? '';
    this.#refusal += piece?.refusal ?? '';
    this.#notKept += reasoningCharacters(piece ?? {});
    for (const call of piece?.tool_calls ?? []) this.#takeCall(call);
    if (choice.finish_reason !== undefined && choice.finish_reason !== null && choice.finish_reason !== '') {
      this.#finish = choice.finish_reason;
    }
  }

  #takeCall({ index, id, function: piece }: z.output<typeof callSchema>): void {
    const name = piece?.name ?? '';
    const given = piece?.arguments ?? '';
    const input = typeof given === 'string' ? given : JSON.stringify(given);
    const open = this.#openCall(index ?? undefined, id ?? '', name);
    if (open === undefined) {
      this.#calls.push({ index: index ?? undefined, id: id ?? '', name, input });
      return;
    }
    if (open.name === '') open.name = name;
    open.input += input;
  }

  /** The call that a piece goes on with; undefined where it begins a new one. */
  #openCall(index: number | undefined, id: string, name: string): OpenCall | undefined {
    const last = this.#calls.findLast((call) => index === undefined || call.index === index);
    if (last === undefined) return undefined;
    if (id !== '' && last.id !== '') return id === last.id ? last : undefined;
    // Without ids, a name after a whole call begins the next one; the same name again in mid-call is a repetition.
    return name !== '' && isObjectText(last.input) ? undefined : last;
  }
}

function isObjectText(text: string): boolean {
  const value = parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
