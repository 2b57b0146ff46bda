// The files of the pages: our own from public/, and three libraries from node_modules. Read once at the start; nothing
// else of the disk can be asked for.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
  readonly entityTag: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Files by path. */
export function readStaticFiles(): ReadonlyMap<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  const add = (path: string, file: string): void => {
    const type = types[extname(file)];
    if (type === undefined) return;
    const bytes = readFileSync(file);
    files.set(path, {
      bytes,
      type,
      entityTag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
    });
  };
  const own = join(import.meta.dirname, 'public');
  for (const name of readdirSync(own)) add(`/assets/${name}`, join(own, name));
  const diff = dirname(dirname(locate('diff/lib/diff/line.js')));
  add('/vendor/uplot.js', locate('uplot/dist/uPlot.esm.js'));
  add('/vendor/uplot.css', locate('uplot/dist/uPlot.min.css'));
  add('/vendor/d3-hierarchy.js', join(dirname(locate('d3-hierarchy')), 'd3-hierarchy.min.mjs'));
  for (const path of ['diff/line.js', 'diff/base.js', 'util/params.js']) add(`/vendor/diff/${path}`, join(diff, path));
  return files;
}

function locate(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier));
}
