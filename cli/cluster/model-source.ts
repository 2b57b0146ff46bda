// Where the model's answers come from: an OpenAI-compatible endpoint where one was named, else the offline policy.
// Invariant: a key is passed on as the path of its file; nothing here reads it into a variable, an argument or an
// environment.

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import type { CliContext } from '../context.ts';
import { CliError, causedBy, exitCodes } from '../exit-codes.ts';

export interface ModelFlags {
  readonly openaiBaseUrl?: string;
  readonly openaiKeyFile?: string;
  readonly model?: string;
  readonly modelPrice?: ModelPrice;
  readonly gatewayConfig?: string;
}

/** In US dollars per million tokens. */
export interface ModelPrice {
  readonly input: number;
  readonly output: number;
}

export interface ModelSource {
  readonly baseUrl: string;
  /** undefined for endpoints that want no key. */
  readonly keyFile: string | undefined;
  readonly model: string;
  readonly price: ModelPrice | undefined;
}

export function withModel(command: Command): Command {
  return command
    .option(
      '--openai-base-url <url>',
      'OpenAI-compatible endpoint (or OPENAI_BASE_URL); else the offline policy answers',
    )
    .option('--openai-key-file <file>', 'file with its key (or OPENAI_API_KEY_FILE)')
    .option('--model-price <in,out>', 'dollars per million tokens read and written, for budgets and cost', modelPrice)
    .option(
      '--gateway-config <file>',
      'YAML with upstreams, budgets, retry and breaker of the gateway (docs/models.md)',
    );
}

function modelPrice(text: string): ModelPrice {
  const [, input, output] = /^(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)$/.exec(text.trim()) ?? [];
  if (input === undefined || output === undefined) throw new InvalidArgumentError('It must be two prices, as in 3,15.');
  return { input: Number(input), output: Number(output) };
}

const gatewayKeys = ['upstreams', 'budgets', 'retry', 'breaker'];

/** The gateway's settings from a file of the user; the daemon itself checks what is in them. Paths count from the file. */
export function gatewaySettings(cli: CliContext, flags: ModelFlags): Record<string, unknown> | undefined {
  if (flags.gatewayConfig === undefined) return undefined;
  const path = resolve(cli.cwd, flags.gatewayConfig);
  let settings: unknown;
  try {
    settings = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw causedBy(error, exitCodes.usage, `${path} cannot be read as YAML.`);
  }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    throw usage(`${path} holds no settings.`, `It may have: ${gatewayKeys.join(', ')}.`);
  }
  const unknown = Object.keys(settings).find((key) => !gatewayKeys.includes(key));
  if (unknown !== undefined) throw usage(`${path} has ${unknown}.`, `It may have: ${gatewayKeys.join(', ')}.`);
  const found = settings as Record<string, unknown>;
  const upstreams = Array.isArray(found['upstreams']) ? found['upstreams'] : [];
  return { ...found, upstreams: upstreams.map((one: unknown) => withPaths(one, dirname(path))) };
}

function withPaths(upstream: unknown, directory: string): unknown {
  if (typeof upstream !== 'object' || upstream === null) return upstream;
  const entries = Object.entries(upstream).map(([key, value]: [string, unknown]) => {
    const isPath = ['keyFile', 'record', 'file'].includes(key) && typeof value === 'string';
    return [key, isPath ? resolve(directory, value) : value];
  });
  return Object.fromEntries(entries) as unknown;
}

/** The source that flags or environment name; undefined for the offline policy. */
export function modelSource(cli: CliContext, flags: ModelFlags): ModelSource | undefined {
  const baseUrl = flags.openaiBaseUrl ?? cli.env['OPENAI_BASE_URL'] ?? '';
  const keyFile = flags.openaiKeyFile ?? cli.env['OPENAI_API_KEY_FILE'] ?? '';
  const model = flags.model ?? cli.env['DOUBLEBLIND_MODEL'] ?? '';
  if (flags.openaiBaseUrl === undefined && (baseUrl === '' || model === '')) {
    // Somebody may have OPENAI_BASE_URL set for something else; alone it starts nothing that costs money.
    if (flags.openaiKeyFile !== undefined)
      throw usage('There is a key file but no endpoint.', 'Name it: --openai-base-url URL');
    if (baseUrl !== '')
      cli.stderr.write(
        'OPENAI_BASE_URL is set but no model (--model NAME or DOUBLEBLIND_MODEL): the offline policy answers.\n',
      );
    return undefined;
  }
  if (!/^https?:\/\//.test(baseUrl))
    throw usage(`${baseUrl} is not an http or https URL.`, 'For example: https://HOST/v1');
  if (model === '') throw usage('There is an endpoint but no model.', 'Name it: --model NAME or DOUBLEBLIND_MODEL.');
  const readable = keyFile === '' ? undefined : readableKey(resolve(cli.cwd, keyFile));
  return { baseUrl, keyFile: readable, model, price: flags.modelPrice };
}

function usage(message: string, next: string): CliError {
  return new CliError(exitCodes.usage, message, [next]);
}

/** Checks that the file can be read and that others cannot. */
function readableKey(path: string): string {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw causedBy(error, exitCodes.usage, `The key file ${path} cannot be read.`, [
      'Put the key alone into it, with mode 0600.',
    ]);
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    throw new CliError(exitCodes.usage, `The key file ${path} can be read by others.`, [`chmod 600 ${path}`]);
  }
  return path;
}
