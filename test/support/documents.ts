// Which pages people read commands from.

import { readdirSync } from 'node:fs';

export function documentPaths(): string[] {
  const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' });
  return [
    'README.md',
    'ARCHITECTURE.md',
    'SECURITY.md',
    ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`),
  ];
}
