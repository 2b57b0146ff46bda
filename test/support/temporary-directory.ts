// One temporary directory for a whole run of tests, removed at its end, so that no test leaves anything behind wherever it failed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Vitest calls it before the workers start, which inherit TMPDIR; what it returns is called after they have ended. */
export default function setup(): () => void {
  const outer = process.env['TMPDIR'];
  // Short: paths of sockets below it have to fit into 108 bytes.
  const directory = mkdtempSync(join(tmpdir(), 'db-'));
  process.env['TMPDIR'] = directory;
  return () => {
    if (outer === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = outer;
    rmSync(directory, { recursive: true, force: true });
  };
}
