// Tool calls that a model or its server got wrong: what can be mended without asking, and what to say where it cannot.
//
// Mended here for free, as endpoints get it wrong in practice: arguments in a code fence, arguments that are a JSON text
// inside a JSON text, text after the object, and calls written as <tool_call>{…}</tool_call> into the content by servers
// that do not parse them. Anything else goes back to the model with a sentence.
//
// Invariant: the time is linear in the text. Models write blanks until their output ends, and a pattern with `\s*` at both sides
// of what it looks for tries each pair of them while every other turn waits.

import { endOfObject } from '../../shared/core/json-object.ts';

interface Call {
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** Calls with arguments that are one JSON object each, or what is wrong with them. */
export interface Mended {
  readonly content: string;
  readonly calls: readonly Call[];
  /** Empty where all is well; else one answer for each call, in order. */
  readonly complaints: readonly { readonly callId: string; readonly text: string }[];
}

const opening = '<tool_call>';
const closing = '</tool_call>';
const fence = '```';

/** Reads the calls of an answer; `turn` makes ids of calls found in the text. */
export function mendCalls(content: string, calls: readonly Call[], tools: readonly string[], turn: number): Mended {
  const parts = calls.length > 0 || tools.length === 0 ? undefined : partsOf(content);
  const inText = parts !== undefined && parts.bodies.length > 0;
  const read = inText ? parts.bodies.map((body, index) => callOf(body, `call_${turn}_${index}`)) : calls;
  const mended = read.map((call) => ({
    ...call,
    argumentsJson: mendArguments(call.argumentsJson) ?? call.argumentsJson,
  }));
  const problems = mended.map((call) => problemOf(call, tools));
  const complaints = problems.every((problem) => problem === '')
    ? []
    : mended.map((call, index) => ({ callId: call.id, text: complaintOf(problems[index] ?? '') }));
  return { content: inText ? parts.rest.trim() : content, calls: mended, complaints };
}

function problemOf(call: Call, tools: readonly string[]): string {
  if (tools.length > 0 && !tools.includes(call.name)) {
    return `There is no tool ${JSON.stringify(call.name).slice(0, 80)}; there are: ${tools.join(', ')}.`;
  }
  return isObject(parse(call.argumentsJson)) ? '' : `The arguments of ${call.name} are not one complete JSON object.`;
}

function complaintOf(problem: string): string {
  return problem === ''
    ? 'Not run, because another call of the same answer is malformed. Make it again.'
    : `Not run: ${problem} Make the call again with the arguments as one JSON object.`;
}

/** The text of one JSON object, or undefined where none can be read without guessing. */
function mendArguments(text: string): string | undefined {
  const bare = withoutFence(text.trim());
  if (bare === '') return '{}';
  const value = parse(bare);
  if (isObject(value)) return bare;
  if (typeof value === 'string') return isObject(parse(value)) ? value : undefined;
  const end = endOfObject(bare);
  const head = end === undefined ? undefined : bare.slice(0, end);
  return head !== undefined && isObject(parse(head)) ? head : undefined;
}

function withoutFence(text: string): string {
  if (text.length < 2 * fence.length || !text.startsWith(fence) || !text.endsWith(fence)) return text;
  const body = text.slice(fence.length, -fence.length);
  return (body.startsWith('json') ? body.slice('json'.length) : body).trim();
}

/** What stands between the tags of each call, of which the last may lack its end, and the text without them. */
function partsOf(content: string): { readonly bodies: readonly string[]; readonly rest: string } {
  const bodies: string[] = [];
  let rest = '';
  let from = 0;
  for (let at = content.indexOf(opening); at >= 0; at = content.indexOf(opening, from)) {
    const start = at + opening.length;
    const end = content.indexOf(closing, start);
    rest += content.slice(from, at);
    bodies.push(content.slice(start, end < 0 ? content.length : end).trim());
    from = end < 0 ? content.length : end + closing.length;
  }
  return { bodies, rest: rest + content.slice(from) };
}

function callOf(body: string, id: string): Call {
  const value = parse(mendArguments(body) ?? body);
  if (!isObject(value)) return { id, name: '', argumentsJson: body };
  const { name, arguments: input } = value;
  return {
    id,
    name: typeof name === 'string' ? name : '',
    argumentsJson: typeof input === 'string' ? input : JSON.stringify(input ?? {}),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
