// Entries of a transcript (one JSON object each, written by the gpu-agent) → what a person reads.
// Invariant: any text is accepted. An entry of a kind that this version does not know is shown as its kind, so that a newer
// host never makes an older command line fail.

import { duration } from './quantity.ts';
import { harmless, oneLine, shorten } from './text.ts';

/** A transcript entry whose members are looked up with care. */
export interface Entry {
  readonly kind: string;
  readonly elapsedSeconds: number;
  readonly members: Readonly<Record<string, unknown>>;
}

/** A part of the story: who speaks, a headline and perhaps a body. */
export interface Passage {
  readonly role: 'system' | 'thought' | 'action' | 'observation' | 'outcome' | 'trouble';
  readonly headline: string;
  readonly body: string;
}

export function parseEntry(json: string): Entry {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const members = value as Record<string, unknown>;
      return { kind: text(members, 'kind') || 'unknown', elapsedSeconds: number(members, 'elapsedSeconds'), members };
    }
  } catch {
    // Shown as it is below.
  }
  return { kind: 'unreadable', elapsedSeconds: 0, members: { text: json } };
}

function text(members: Readonly<Record<string, unknown>>, key: string): string {
  const value = members[key];
  return typeof value === 'string' ? value : '';
}

function number(members: Readonly<Record<string, unknown>>, key: string): number {
  const value = members[key];
  return typeof value === 'number' ? value : 0;
}

function list(members: Readonly<Record<string, unknown>>, key: string): Record<string, unknown>[] {
  const value = members[key];
  if (!Array.isArray(value)) return [];
  return value.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
}

/** The model that answered in this entry; empty for other entries. */
export function modelOf(entry: Entry): string {
  return entry.kind === 'modelAnswered' ? text(entry.members, 'model') : '';
}

/** Everything that the entry tells, in order. */
export function passages(entry: Entry): Passage[] {
  const of = entry.members;
  switch (entry.kind) {
    case 'planned':
      return [passage('system', `${text(of, 'operator')} on ${text(of, 'slotId')}, seed ${number(of, 'seed')}`)];
    case 'begun':
      return list(of, 'messages').map((message) =>
        passage('system', `${text(message, 'role')} message`, text(message, 'content')),
      );
    case 'modelAnswered':
      return answered(of);
    case 'toolEnded':
      return [passage('observation', `${text(of, 'tool')} · ${duration(number(of, 'wallSeconds'))}`, observed(of))];
    case 'toolRefused':
    case 'solutionRefused':
      return [passage('trouble', text(of, 'tool') || 'the solution was refused', observed(of))];
    case 'nudged':
      return [passage('system', 'told', observed(of))];
    case 'guided':
      return [passage('system', 'guidance by the researcher', text(of, 'guidance'))];
    case 'executed':
      return [executed(of)];
    case 'concluded':
      return [concluded(of)];
    default:
      return [other(entry)];
  }
}

function passage(role: Passage['role'], headline: string, body = ''): Passage {
  return { role, headline: oneLine(headline), body: harmless(body).trimEnd() };
}

function observed(of: Readonly<Record<string, unknown>>): string {
  return text(of, 'observation');
}

function answered(of: Readonly<Record<string, unknown>>): Passage[] {
  const turn = `turn ${number(of, 'turn')} · ${text(of, 'model')} · ${duration(number(of, 'seconds'))}`;
  const thought = text(of, 'content').trim();
  const calls = list(of, 'toolCalls').map((call) => action(text(call, 'name'), text(call, 'argumentsJson')));
  return thought === '' ? calls : [passage('thought', turn, thought), ...calls];
}

function action(tool: string, argumentsJson: string): Passage {
  const args = parseEntry(argumentsJson).members;
  const names = Object.keys(args);
  const main = ['command', 'code', 'content', 'new', 'idea'].find((name) => typeof args[name] === 'string');
  const rest = names
    .filter((name) => name !== main)
    .map((name) => `${name}=${shorten(oneLine(String(args[name])), 80)}`)
    .join(' ');
  const body = main === undefined ? '' : String(args[main]);
  return passage('action', rest === '' ? tool : `${tool} ${rest}`, body);
}

function executed(of: Readonly<Record<string, unknown>>): Passage {
  const end = text(of, 'end');
  const headline = `clean-slate run: ${end} after ${duration(number(of, 'wallSeconds'))}`;
  return passage(end === 'completed' ? 'outcome' : 'trouble', headline, text(of, 'logTail'));
}

function concluded(of: Readonly<Record<string, unknown>>): Passage {
  const reason = text(of, 'failureReason');
  if (reason === '') return passage('outcome', 'submitted', text(of, 'note'));
  return passage('trouble', `failed: ${reason}`, text(of, 'failureMessage'));
}

function other(entry: Entry): Passage {
  const of = entry.members;
  const message = text(of, 'message') || text(of, 'text');
  const trouble = ['modelFailed', 'infrastructureFailed', 'stopRequested', 'unreadable', 'cutShort'].includes(
    entry.kind,
  );
  const words = entry.kind.replace(/([A-Z])/g, ' $1').toLowerCase();
  return passage(trouble ? 'trouble' : 'system', words, message);
}

/** What the attempt is at after this entry, in a few words; undefined where the entry does not tell. */
export function activity(entry: Entry): string | undefined {
  const of = entry.members;
  switch (entry.kind) {
    case 'begun':
      return 'thinking (turn 1)';
    case 'modelAnswered': {
      const call = list(of, 'toolCalls')[0];
      if (call === undefined) return `thinking (turn ${number(of, 'turn') + 1})`;
      return calling(text(call, 'name'), text(call, 'argumentsJson'), text(of, 'content'));
    }
    case 'toolEnded':
    case 'toolRefused':
    case 'nudged':
    case 'solutionRefused':
      return 'thinking';
    case 'solutionTaken':
      return 'clean-slate run of its solution';
    case 'executed':
      return 'storing its artifacts';
    case 'concluded':
      return text(of, 'failureReason') === ''
        ? 'done, on its way to the evaluator'
        : `failed: ${text(of, 'failureReason')}`;
    default:
      return undefined;
  }
}

function calling(tool: string, argumentsJson: string, thought: string): string {
  const said = oneLine(thought).replace(/[.:]\s.*$/, '');
  if (said !== '') return `${tool}: ${said}`;
  const args = parseEntry(argumentsJson).members;
  const main = ['command', 'path', 'idea', 'code'].map((name) => text(args, name)).find((value) => value !== '');
  return main === undefined ? tool : `${tool}: ${oneLine(main)}`;
}
