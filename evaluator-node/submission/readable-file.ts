// Files that the scorer can read: it goes over each of them more than once, which a pipe does not allow.

import { statSync } from 'node:fs';

/** Why the file at the path cannot be read, as a sentence with its path; undefined where it can. Never waits for a pipe's writer. */
export function fileProblem(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return `${path}: there is no such file`;
  if (found.isFile()) return;
  if (found.isDirectory()) return `${path}: this is a directory; name a CSV file in it`;
  const kind = found.isFIFO() || found.isSocket() ? 'a pipe' : 'a device';
  return `${path}: this is ${kind}, and files are read more than once; write it to a regular file first`;
}
