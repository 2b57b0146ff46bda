// The name and password for an index that asks for them: read from a file, sent to that index and to nobody else.
//
// Invariants: 1. they go to the index's own origin alone; files that it names elsewhere are fetched without them, and a redirect to
// another origin loses them; 2. they are in no address, so no log, error or sandbox has them; 3. the file is read for each
// request, so that a new password needs no restart.

import { readFile } from 'node:fs/promises';

export interface IndexCredentials {
  /** Headers of a request to that address. Throws a sentence with the file's name where it cannot be used. */
  headersFor(address: string): Promise<Readonly<Record<string, string>>>;
}

/** Credentials from a file with `NAME:PASSWORD` in its first line; none where no file is named. */
export function openIndexCredentials(indexUrl: string, file: string): IndexCredentials {
  if (file === '') return { headersFor: () => Promise.resolve({}) };
  const { origin } = new URL(indexUrl);
  return {
    async headersFor(address) {
      if (new URL(address).origin !== origin) return {};
      return { authorization: `Basic ${Buffer.from(await readCredentials(file), 'utf8').toString('base64')}` };
    },
  };
}

async function readCredentials(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new Error(`the credentials file ${file} cannot be read; see packages.credentialsFile`, { cause });
  }
  const [line = ''] = text.split(/\r?\n/);
  if (/^[^:]+:./.test(line)) return line;
  throw new Error(`the credentials file ${file} holds no NAME:PASSWORD in its first line`);
}
