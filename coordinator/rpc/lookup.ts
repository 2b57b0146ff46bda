// Finds runs and candidates by id or by a prefix that only one has.

import type { AttemptId, HostName, RunId } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { Attempt, Host, Run, State } from '../core/state.ts';

/** Matches that an error names; more would not help anybody to choose. */
const namedMatches = 5;

/** The run with the id, or the only one whose id starts so. */
export function findRun(state: Readonly<State>, text: string): Run {
  return find(state.runs, text as RunId, 'run', 'run_id', 'doubleblind ls');
}

/** The candidate with the id, or the only one whose id starts so. */
export function findCandidate(state: Readonly<State>, text: string): Attempt {
  return find(state.attempts, text as AttemptId, 'candidate', 'candidate_id', 'doubleblind results RUN');
}

/** The host of that name. */
export function findHost(state: Readonly<State>, name: string): Host {
  const host = state.hosts.get(name as HostName);
  if (host !== undefined) return host;
  throw new RpcFault('notFound', `no host ${quoted(name)}; known: ${listed([...state.hosts.keys()])}`, {
    reason: 'unknownHost',
  });
}

function find<Id extends string, Thing>(
  things: ReadonlyMap<Id, Thing>,
  text: Id,
  what: string,
  field: string,
  advice: string,
): Thing {
  const exact = things.get(text);
  if (exact !== undefined) return exact;
  const matches = text === '' ? [] : [...things.keys()].filter((id) => id.startsWith(text));
  const [only] = matches;
  const found = only === undefined || matches.length > 1 ? undefined : things.get(only);
  if (found !== undefined) return found;
  if (text === '') {
    throw new RpcFault('invalidArgument', `name a ${what} by its id or by a prefix of it`, {
      violations: [{ field, description: 'is empty' }],
    });
  }
  if (matches.length === 0) {
    throw new RpcFault('notFound', `no ${what} has an id that starts with ${quoted(text)}; see: ${advice}`, {
      reason: `unknown${what.charAt(0).toUpperCase()}${what.slice(1)}`,
    });
  }
  const description = `${quoted(text)} fits ${matches.length} of them: ${listed(matches)}`;
  throw new RpcFault('invalidArgument', `more of the ${what}'s id is needed: ${description}`, {
    reason: 'ambiguousPrefix',
    violations: [{ field, description: 'is not unique' }],
  });
}

function listed(ids: readonly string[]): string {
  if (ids.length === 0) return 'none';
  const rest = ids.length - namedMatches;
  return `${ids.slice(0, namedMatches).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 140));
}
