// The tools that the model sees, and how a call of one is read.
//
// Owns: names, parameters, descriptions, and the sentence that answers a call which cannot be run.
// Leaves to tools/: the JSON Schema and running them.
// Invariants: 1. parsing is total: any text from a model gives a request or a sentence that says what was expected.

import { err, ok, type Result } from '../../shared/core/result.ts';

/** One parameter of a tool. */
export interface ToolParameter {
  readonly name: string;
  readonly type: 'string' | 'number' | 'integer';
  readonly required: boolean;
  readonly description: string;
  readonly values?: readonly string[];
  readonly minimum?: number;
}

/** One tool as the model is told of it. */
export interface ToolDefinition {
  readonly name: ToolName;
  readonly description: string;
  readonly parameters: readonly ToolParameter[];
}

type ToolName = 'bash' | 'python' | 'read_file' | 'write_file' | 'edit_file' | 'inspect' | 'score' | 'submit';

/** What `inspect` may show of a parent. */
type InspectSubject = 'code' | 'log' | 'note' | 'files';

/** A call that passed every check. */
export type ToolRequest =
  | { readonly tool: 'bash'; readonly command: string; readonly timeoutSeconds?: number }
  | { readonly tool: 'python'; readonly code: string; readonly timeoutSeconds?: number }
  | { readonly tool: 'read_file'; readonly path: string; readonly offset?: number; readonly limit?: number }
  | { readonly tool: 'write_file'; readonly path: string; readonly content: string }
  | { readonly tool: 'edit_file'; readonly path: string; readonly old: string; readonly new: string }
  | { readonly tool: 'inspect'; readonly parent: 'A' | 'B'; readonly what: InspectSubject; readonly path?: string }
  | { readonly tool: 'score'; readonly path?: string }
  | { readonly tool: 'submit'; readonly idea: string; readonly changes: string; readonly expectation?: string };

const timeout: ToolParameter = {
  name: 'timeout_seconds',
  type: 'number',
  required: false,
  minimum: 1,
  description: 'End the call, with all its processes, after so many seconds. Never more than the limit of a tool call.',
};

function text(name: string, description: string, required = true): ToolParameter {
  return { name, type: 'string', required, description };
}

const basicTools: readonly ToolDefinition[] = [
  {
    name: 'bash',
    description:
      'Runs a command in a shell that stays open: working directory, variables and background jobs last from call to call. Between calls everything is paused.',
    parameters: [text('command', 'What to run, as typed in bash.'), timeout],
  },
  {
    name: 'python',
    description:
      'Runs code in a Python interpreter that stays open: imports and variables last from call to call. Between calls everything is paused, threads too. Print what you want to see.',
    parameters: [text('code', 'Python source; may be several lines.'), timeout],
  },
  {
    name: 'read_file',
    description: 'Shows a text file, or a part of it.',
    parameters: [
      text('path', 'Absolute, or relative to /work.'),
      {
        name: 'offset',
        type: 'integer',
        required: false,
        minimum: 0,
        description: 'First line to show, from 0. Default 0.',
      },
      {
        name: 'limit',
        type: 'integer',
        required: false,
        minimum: 1,
        description: 'Most lines to show. Default 400.',
      },
    ],
  },
  {
    name: 'write_file',
    description: 'Writes a whole text file; directories are made, an existing file is replaced.',
    parameters: [text('path', 'Absolute, or relative to /work.'), text('content', 'The whole new content.')],
  },
  {
    name: 'edit_file',
    description: 'Replaces one passage of a text file. The old passage must occur exactly once.',
    parameters: [
      text('path', 'Absolute, or relative to /work.'),
      text('old', 'The passage as it is now, white space included.'),
      text('new', 'What stands there afterwards.'),
    ],
  },
  {
    name: 'inspect',
    description:
      "Shows what a parent solution left behind: its code, its run's log, its note, or the list of its files. A parent's files are also in /work/parents/<label>/.",
    parameters: [
      { ...text('parent', "The parent's label."), values: ['A', 'B'] },
      { ...text('what', 'What to show.'), values: ['code', 'log', 'note', 'files'] },
      text('path', 'With what = code: which file; main.py where left out.', false),
    ],
  },
];

/** Where the run lets its attempts ask for scores. */
const scoreTool: ToolDefinition = {
  name: 'score',
  description:
    'Has a submission file scored on a part of the hidden rows. What you are told is moved by noise and rounded to its error. The number of scores is limited; a file that was scored before costs nothing.',
  parameters: [text('path', 'The file; /out/submission.csv where left out.', false)],
};

const submitTool: ToolDefinition = {
  name: 'submit',
  description:
    'Ends the work: /work/solution is taken and main.py is run once from a clean slate. Call it when the solution is as good as the budget allows. The texts become a note for those who build on your work.',
  parameters: [
    text('idea', 'The idea in one or two sentences.'),
    text('changes', 'What was done, or what differs from the parents, in a few lines.'),
    text('expectation', 'Score that you expect, how you estimated it, and what to try next.', false),
  ],
};

/** Which tools an attempt is offered. */
export interface ToolOffer {
  /** Whether it may ask for scores during its work. */
  readonly scores: boolean;
}

/** All tools, in the order in which they are offered. */
export function toolCatalogue({ scores }: ToolOffer): readonly ToolDefinition[] {
  return [...basicTools, ...(scores ? [scoreTool] : []), submitTool];
}

/** Reads a call as the model wrote it; the error is an observation for the model. */
export function parseToolCall(name: string, argumentsJson: string, offer: ToolOffer): Result<ToolRequest, string> {
  const tools = toolCatalogue(offer);
  const definition = tools.find((tool) => tool.name === name);
  if (definition === undefined) {
    const names = tools.map((tool) => tool.name).join(', ');
    return err(`There is no tool named ${JSON.stringify(name.slice(0, 80))}. The tools are: ${names}.`);
  }
  const parsed = parseObject(argumentsJson);
  if (!parsed.ok) return err(`${parsed.error} ${usage(definition)}`);
  const problems = definition.parameters.flatMap((parameter) => problemOf(parameter, parsed.value[parameter.name]));
  const known = new Set(definition.parameters.map((parameter) => parameter.name));
  const unknown = Object.keys(parsed.value).filter((key) => !known.has(key));
  if (unknown.length > 0) problems.push(`${unknown.slice(0, 5).join(', ')}: no such parameter.`);
  if (problems.length > 0) return err(`The call was not run. ${problems.join(' ')} ${usage(definition)}`);
  return ok(toRequest(definition.name, parsed.value));
}

function parseObject(json: string): Result<Readonly<Record<string, unknown>>, string> {
  if (json.trim() === '') return ok({});
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 200) : 'unreadable';
    return err(`The call was not run: its arguments are not valid JSON (${why}).`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return err('The call was not run: its arguments are not a JSON object.');
  }
  return ok(value as Readonly<Record<string, unknown>>);
}

function problemOf(parameter: ToolParameter, value: unknown): string[] {
  if (value === undefined || value === null) return parameter.required ? [`${parameter.name} is missing.`] : [];
  if (parameter.type === 'string') {
    if (typeof value !== 'string') return [`${parameter.name} must be a string.`];
    if (parameter.values !== undefined && !parameter.values.includes(value)) {
      return [`${parameter.name} must be one of ${parameter.values.join(', ')}.`];
    }
    return [];
  }
  const number = numberOf(value);
  if (number === null) return [`${parameter.name} must be a number.`];
  if (parameter.type === 'integer' && !Number.isInteger(number)) return [`${parameter.name} must be a whole number.`];
  if (parameter.minimum !== undefined && number < parameter.minimum) {
    return [`${parameter.name} must be at least ${parameter.minimum}.`];
  }
  return [];
}

/** Models often quote numbers; a quoted one is clear enough. */
function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value)) return Number(value);
  return null;
}

function usage(definition: ToolDefinition): string {
  const parameters = definition.parameters.map((parameter) => {
    const type = parameter.values?.map((value) => `"${value}"`).join('|') ?? parameter.type;
    return `"${parameter.name}"${parameter.required ? '' : '?'}: ${type}`;
  });
  return `Expected: ${definition.name} {${parameters.join(', ')}}.`;
}

function toRequest(tool: ToolName, values: Readonly<Record<string, unknown>>): ToolRequest {
  const string = (key: string): string => String(values[key] ?? '');
  const timeoutSeconds = numberOf(values['timeout_seconds']);
  const withTimeout = timeoutSeconds === null ? {} : { timeoutSeconds };
  switch (tool) {
    case 'bash':
      return { tool, command: string('command'), ...withTimeout };
    case 'python':
      return { tool, code: string('code'), ...withTimeout };
    case 'read_file': {
      const offset = numberOf(values['offset']);
      const limit = numberOf(values['limit']);
      return {
        tool,
        path: string('path'),
        ...(offset === null ? {} : { offset }),
        ...(limit === null ? {} : { limit }),
      };
    }
    case 'write_file':
      return { tool, path: string('path'), content: string('content') };
    case 'edit_file':
      return { tool, path: string('path'), old: string('old'), new: string('new') };
    case 'inspect': {
      const path = values['path'];
      const parent = string('parent') === 'B' ? 'B' : 'A';
      return {
        tool,
        parent,
        what: string('what') as InspectSubject,
        ...(typeof path === 'string' && path !== '' ? { path } : {}),
      };
    }
    case 'score': {
      const path = values['path'];
      return { tool, ...(typeof path === 'string' && path !== '' ? { path } : {}) };
    }
    case 'submit': {
      const expectation = values['expectation'];
      return {
        tool,
        idea: string('idea'),
        changes: string('changes'),
        ...(typeof expectation === 'string' && expectation !== '' ? { expectation } : {}),
      };
    }
  }
}
