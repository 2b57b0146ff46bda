// What must not go out in a prompt: keys of ours by their value, keys and tokens by their shape, and marked words by the SHA-256 of
// each (canaries in hidden labels, so that not even the gateway knows them). Pure; the shell gives the hash.
//
// Invariants: 1. What is found is replaced whole by words that name its kind and hold nothing of it. 2. A replacement has no
// character that JSON escapes, so that arguments of tool calls stay the JSON that they were.

export interface OutgoingRules {
  /** Values of ours that may stand nowhere; shorter ones than `leastSecret` characters are not looked for. */
  readonly secrets: readonly string[];
  /** SHA-256 of words, in lower-case hex. */
  readonly digests: ReadonlySet<string>;
  readonly sha256: (text: string) => string;
}

/** What was found, for logs and metrics. */
export type Leak = 'secret' | 'privateKey' | 'token' | 'markedWord';

export interface Redacted {
  readonly text: string;
  readonly leaks: readonly Leak[];
}

/** Shorter ones would be found in honest text. */
const leastSecret = 12;
/** A private key of 16,384 bits has 12 KiB. */
const mostKeyCharacters = 16_384;
/** Where a private key begins or ends; each is looked for once, so that a text of nothing but beginnings costs its length and no more. */
const keyBoundary = /-----(BEGIN|END) [A-Z0-9 ]{0,40}PRIVATE KEY(?=-----)/g;
const dashes = 5;
/** Tokens of this gateway, and the best-known shapes of providers' keys. */
const token =
  /\b(?:dbt_[A-Za-z0-9_-]{32,}|sk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|hf_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|xox[abpr]-[A-Za-z0-9-]{20,})(?![A-Za-z0-9])/g;
/** What a marked word may look like: canaries are numbers and hexadecimal tokens. */
const word = /[A-Za-z0-9_.-]{12,128}/g;

/** The text without values of ours: for answers, which an endpoint that echoes its caller's key would pass on to agents. */
export function redactSecrets(secrets: readonly string[], text: string): Redacted {
  const leaks: Leak[] = [];
  let left = text;
  for (const form of secrets.flatMap(formsOf)) left = left.replaceAll(form, cutter(leaks, 'secret', 'a secret'));
  return { text: left, leaks };
}

function cutter(leaks: Leak[], kind: Leak, name: string): () => string {
  return () => {
    leaks.push(kind);
    return `[removed by the gateway: ${name}]`;
  };
}

/** The text of a prompt without what must not go out. */
export function redactOutgoing(rules: OutgoingRules, text: string): Redacted {
  const first = redactSecrets(rules.secrets, text);
  const leaks: Leak[] = [...first.leaks];
  const cut = (kind: Leak, name: string): (() => string) => cutter(leaks, kind, name);
  let left = first.text;
  left = withoutPrivateKeys(left, cut('privateKey', 'a private key'));
  left = left.replace(token, cut('token', 'an access token'));
  if (rules.digests.size > 0) {
    const mark = cut('markedWord', 'a marked word');
    // A number may end a sentence.
    left = left.replace(word, (found) =>
      isMarked(rules, found) || isMarked(rules, found.replace(/[.-]+$/, '')) ? mark() : found,
    );
  }
  return { text: left, leaks };
}

/**
 * The text with each private key cut out, from its beginning to the next end; a beginning that has no end within the length of a
 * key stays, because there is no whole key. Linear in the text: of the beginnings before an end the first that is near enough counts,
 * and none of them is looked at again.
 */
function withoutPrivateKeys(text: string, cut: () => string): string {
  const kept: string[] = [];
  let from = 0;
  let open: { at: number; after: number }[] = [];
  for (const { 0: found, 1: side, index } of text.matchAll(keyBoundary)) {
    const after = index + found.length + dashes;
    // The dashes after one end are not those before the next beginning.
    if (index < from) continue;
    if (side === 'BEGIN') {
      open.push({ at: index, after });
      continue;
    }
    const first = open.find((begun) => index >= begun.after && index - begun.after <= mostKeyCharacters);
    if (first === undefined) {
      // All but one that shares its dashes with this end are too far from any other end as well.
      open = open.filter((begun) => index < begun.after);
      continue;
    }
    kept.push(text.slice(from, first.at), cut());
    from = after;
    open = [];
  }
  kept.push(text.slice(from));
  return kept.join('');
}

function isMarked({ digests, sha256 }: OutgoingRules, found: string): boolean {
  return digests.has(sha256(found));
}

/** A secret as it is, and as the most usual ways of writing it down; longest first, so that none is left in half. */
function formsOf(secret: string): string[] {
  if (secret.length < leastSecret) return [];
  const bytes = new TextEncoder().encode(secret);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const base64 = btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
  return [hex, hex.toUpperCase(), base64, [...secret].reverse().join(''), secret];
}
