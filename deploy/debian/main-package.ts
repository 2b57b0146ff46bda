// `npm run package:deb [-- DIRECTORY]`: builds the Debian package and prints its path; `dist/` unless stated.

import { resolve } from 'node:path';
import { buildPackage } from './package.ts';

try {
  const path = await buildPackage({
    outputDirectory: resolve(process.argv[2] ?? 'dist'),
    node: process.execPath,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${path}\n`);
} catch (error) {
  process.stderr.write(`The package was not built: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
