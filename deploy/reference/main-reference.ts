// node deploy/reference/main-reference.ts [--check]: writes docs/configuration.md and docs/api.md from the schemas and the protos.
// With --check nothing is written, and the exit status is 1 where a committed page differs.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { access } from '../../shared/rpc/access.ts';
import { daemonSchemas } from '../bin/daemon-schemas.ts';
import { renderApi } from './api.ts';
import { renderConfiguration } from './configuration.ts';
import { readProtoFiles } from './proto-file.ts';

const root = join(import.meta.dirname, '../..');
const descriptors = readFileSync(join(root, 'proto/generated/api.binpb'));
const pages: Readonly<Record<string, string>> = {
  'docs/configuration.md': renderConfiguration(daemonSchemas),
  'docs/api.md': renderApi(readProtoFiles(descriptors), access),
};
for (const [path, text] of Object.entries(pages)) {
  const target = join(root, path);
  if (!process.argv.includes('--check')) {
    writeFileSync(target, text);
    continue;
  }
  if (existsSync(target) && readFileSync(target, 'utf8') === text) continue;
  process.stderr.write(`${path} is not what the schemas and .proto files say\nRun: npm run generate\n`);
  process.exitCode = 1;
}
