// Who a certificate speaks for: exactly one URI `spiffe://doubleblind/<role>/<name>` among its subject alternative names.

import { isId } from '../core/ids.ts';

export const roles = ['coordinator', 'gpu-agent', 'evaluator', 'llm-gateway', 'nats', 'operator'] as const;
export type Role = (typeof roles)[number];

export interface Identity {
  readonly role: Role;
  /** The host of a gpu-agent, the person of an operator; `local` in a cluster on one machine. */
  readonly name: string;
}

/** The identity as a URI. */
export function identityUri(identity: Identity): string {
  if (!isId(identity.name))
    throw new RangeError(`not a valid name for a certificate: ${JSON.stringify(identity.name)}`);
  return `spiffe://doubleblind/${identity.role}/${identity.name}`;
}

/** The identity of a URI, or undefined where it is none of ours. */
export function parseIdentityUri(uri: string): Identity | undefined {
  const [, roleText, name] = /^spiffe:\/\/doubleblind\/([a-z-]+)\/([A-Za-z0-9_-]+)$/.exec(uri) ?? [];
  const role = roles.find((known) => known === roleText);
  return role !== undefined && name !== undefined && isId(name) ? { role, name } : undefined;
}

/** The identity in Node's text form of the alternative names (`DNS:a, URI:b`); undefined unless there is exactly one URI. */
export function identityOfAlternativeNames(text: string | undefined): Identity | undefined {
  // Node quotes names that contain commas or quotes; ours never do, so a quote is a sign of somebody playing tricks.
  if (text === undefined || text.includes('"')) return undefined;
  const uris = text.split(', ').filter((name) => name.startsWith('URI:'));
  const uri = uris[0];
  return uris.length === 1 && uri !== undefined ? parseIdentityUri(uri.slice(4)) : undefined;
}
