// Reads what a simple index says of one project: JSON (PEP 691) or HTML (PEP 503). Files without a SHA-256, and files that
// were yanked, are left out.

import { z } from 'zod';

interface ListedFile {
  readonly fileName: string;
  readonly url: string;
  readonly sha256: string;
  readonly requiresPython: string;
}

const jsonSchema = z.object({
  files: z.array(
    z.object({
      filename: z.string(),
      url: z.string(),
      hashes: z.record(z.string(), z.string()),
      'requires-python': z.string().nullish(),
      yanked: z.union([z.boolean(), z.string()]).optional(),
    }),
  ),
});

const sha256Pattern = /^[0-9a-f]{64}$/;

export function readListing(text: string, contentType: string, base: string): ListedFile[] {
  const files = contentType.includes('json') ? readJson(text, base) : readHtml(text, base);
  return files.filter(({ sha256, url }) => sha256Pattern.test(sha256) && /^https?:/.test(url));
}

function readJson(text: string, base: string): ListedFile[] {
  const { files } = jsonSchema.parse(JSON.parse(text));
  return files
    .filter(({ yanked }) => yanked === undefined || yanked === false)
    .map((file) => ({
      fileName: file.filename,
      url: absolute(file.url, base),
      sha256: file.hashes['sha256'] ?? '',
      requiresPython: file['requires-python'] ?? '',
    }));
}

/** Machines write these pages, one anchor a file; what does not look like that is no file. */
function readHtml(text: string, base: string): ListedFile[] {
  return [...text.matchAll(/<a\s([^>]*)>\s*([^<\s]+)\s*<\/a>/gi)].flatMap(([, attributes = '', fileName = '']) => {
    if (/(?:^|\s)data-yanked/i.test(attributes)) return [];
    const [address = '', fragment = ''] = attribute(attributes, 'href').split('#');
    const [, sha256 = ''] = /^sha256=([0-9a-f]{64})$/.exec(fragment) ?? [];
    const requiresPython = attribute(attributes, 'data-requires-python');
    return [{ fileName, url: absolute(address, base), sha256, requiresPython }];
  });
}

function attribute(attributes: string, name: string): string {
  const [, double, single] = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(attributes) ?? [];
  return unescaped(double ?? single ?? '');
}

function unescaped(text: string): string {
  const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' };
  return text.replace(/&(?:#(\d{1,7})|(lt|gt|quot|amp));/g, (_whole, code: string | undefined, name: string) =>
    code === undefined ? (named[name] ?? '') : String.fromCodePoint(Math.min(Number(code), 0x10ffff)),
  );
}

/** Without a name and password, which some indexes repeat in the addresses of their files: ours are sent as a header. */
function absolute(address: string, base: string): string {
  if (!URL.canParse(address, base)) return '';
  const url = new URL(address, base);
  url.username = '';
  url.password = '';
  return url.href;
}
