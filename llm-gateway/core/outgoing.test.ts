import { createHash, generateKeyPairSync } from 'node:crypto';
import { threadCpuUsage } from 'node:process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type OutgoingRules, redactOutgoing } from './outgoing.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const canary = '0.7264915538201947';
const key = 'canary-provider-key-4711';
const rules: OutgoingRules = { secrets: [key, 'short'], digests: new Set([sha256(canary)]), sha256 };
const redact = (text: string) => redactOutgoing(rules, text);

test.each([
  ['as it is', `the key is ${key}, use it`],
  ['in base64', `echo ${Buffer.from(key).toString('base64')} | base64 -d`],
  ['in hexadecimal', Buffer.from(key).toString('hex')],
  ['backwards', [...key].reverse().join('')],
])('a key of ours is removed %s', (_, text) => {
  const { text: left, leaks } = redact(text);
  expect(leaks).toEqual(['secret']);
  expect(left).toContain('[removed by the gateway: a secret]');
  for (const form of [key, Buffer.from(key).toString('hex'), Buffer.from(key).toString('base64').replace(/=+$/, '')])
    expect(left).not.toContain(form);
});

test('private keys and tokens are removed by their shape, inside of JSON too, which stays JSON', () => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const said = JSON.stringify({ command: `cat <<X\n${pem}X`, token: `dbt_${'0123456789abcdef'.repeat(4)}` });
  const { text, leaks } = redact(said);
  expect(leaks).toEqual(['privateKey', 'token']);
  expect(JSON.parse(text)).toEqual({
    command: 'cat <<X\n[removed by the gateway: a private key]\nX',
    token: '[removed by the gateway: an access token]',
  });
});

test.each([
  `sk-proj-${'aB3'.repeat(12)}`,
  `ghp_${'a1B2'.repeat(9)}`,
  `AKIA${'ABCD1234'.repeat(2)}`,
  `hf_${'aB'.repeat(17)}`,
])('the token %s is removed', (text) => expect(redact(`export K=${text}\n`).leaks).toEqual(['token']));

test('a marked word is known by its digest alone, also at the end of a sentence', () => {
  expect(redact(`row 7,${canary}\n`).text).toBe('row 7,[removed by the gateway: a marked word]\n');
  expect(redact(`it was ${canary}.`).leaks).toEqual(['markedWord']);
});

test('honest text stays as it is', () => {
  const text = `import sklearn\nscore = 0.7264915538201946\nsk-learn task-force AKIA short\n${'x'.repeat(5000)}`;
  expect(redact(text)).toEqual({ text, leaks: [] });
});

/** What a private key is, as one says it; slow where many begin and none ends. */
const saidPlainly =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[\s\S]{0,16384}?-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----/g;

test('private keys are cut out as the plain expression would, wherever they begin and end', () => {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constant('-----BEGIN PRIVATE KEY-----') },
    { weight: 3, arbitrary: fc.constant('-----END PRIVATE KEY-----') },
    fc.constantFrom(
      '-----BEGIN EC PRIVATE KEY',
      '-----END RSA PRIVATE KEY',
      'BEGIN PRIVATE KEY-----',
      'END PRIVATE KEY',
    ),
    fc.constantFrom('-', '--', '-----', '\n', 'MII', 'x'.repeat(8000), 'x'.repeat(16_384), 'x'.repeat(16_385)),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const text = pieces.join('');
      expect(redact(text).text).toBe(text.replace(saidPlainly, '[removed by the gateway: a private key]'));
    }),
    { numRuns: 500 },
  );
});

const characters = 2 ** 21;
const filled = (piece: string, share = 1): string => piece.repeat((share * characters) / piece.length);

test.each([
  ['beginnings', filled('-----BEGIN PRIVATE KEY-----\n')],
  ['ends', filled('-----END PRIVATE KEY-----\n')],
  [
    'beginnings, and then ends that are too far from them',
    `${filled('-----BEGIN PRIVATE KEY-----\n', 0.5)}${'x'.repeat(16_385)}${filled('-----END PRIVATE KEY-----\n', 0.5)}`,
  ],
  ['dashes', filled('-----')],
  ['beginnings that are nearly one', filled(`-----BEGIN ${'A '.repeat(20)}PRIVATE KE`)],
  ['beginnings of tokens', filled('sk-a-')],
])('a text of nothing but %s costs no more than a few times what prose of its length does', (_, hostile) => {
  const cost = (text: string): number => {
    const times = Array.from({ length: 3 }, () => {
      const before = threadCpuUsage();
      redact(text);
      const { user, system } = threadCpuUsage(before);
      return user + system;
    });
    return Math.min(...times);
  };
  const prose = cost(filled('a word of prose, then 0.25 and so on\n'));
  // The expression above takes several hundred times as long over the first.
  expect(cost(hostile) / prose).toBeLessThan(30);
});
