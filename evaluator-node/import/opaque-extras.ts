// Further public files that are no tables: text is searched for labels beside their ids, archives are refused because they would
// be looked into by agents and by nobody before, and of the rest the operator is told that nobody looked.

import { isUtf8 } from 'node:buffer';
import { extname } from 'node:path';
import type { TaskFolder } from './folder.ts';
import type { Problem } from './problem.ts';

const archives = new Set(['.gz', '.tgz', '.bz2', '.xz', '.zst', '.lz4', '.br', '.zip', '.7z', '.rar', '.tar']);
/** First bytes of gzip, zip, bzip2, xz, zstd and 7z: an ending can be left out. */
const archiveMagic = ['1f8b', '504b0304', '425a68', 'fd377a585a', '28b52ffd', '377abcaf'];
/** Where an id has its line to itself, its label is looked for among so many words before and after it. */
const nearby = 8;
/** Text is told to give labels where so much more of them stand beside their ids than labels of other ids do. */
const [beyondChance, leastGain] = [0.9, 0.1];
/** Of the labelled ids, how many have to occur before a text says anything about them. */
const idShare = 0.5;

/** A problem for each archive. */
export function archivesInExtras(folder: TaskFolder): Problem[] {
  return folder.extras.filter(isArchive).map(({ path }) => ({
    file: path,
    message: 'an archive as a public file cannot be checked for labels',
    remedy: 'Unpack it and name the files that are in it',
  }));
}

/** Public files in which nobody looked for labels. */
export function unseenExtras(folder: TaskFolder): string[] {
  return folder.extras
    .filter((extra) => extra.table === undefined && !isArchive(extra) && !isUtf8(extra.bytes))
    .map(({ path }) => `${path} is neither a table nor text: nobody looked for labels in it, and agents will see it`);
}

function isArchive({ path, bytes }: { readonly path: string; readonly bytes: Buffer }): boolean {
  const start = bytes.subarray(0, 8).toString('hex');
  return archives.has(extname(path).toLowerCase()) || archiveMagic.some((magic) => start.startsWith(magic));
}

/** How a text tells labels by id; undefined where it does not. */
export function textEvidence(bytes: Buffer, labels: ReadonlyMap<string, string>): string | undefined {
  if (labels.size < 2 || !isUtf8(bytes)) return;
  const wanted = new Map([...labels].map(([id, label]) => [plain(id), plain(label)]));
  const ids = [...wanted.keys()];
  // The label of the next id stands for chance: with few classes any label is near any id.
  const others = new Map(ids.map((id, at) => [id, wanted.get(ids[(at + 1) % ids.length] ?? '') ?? '']));
  const [seen, right, chance] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const { word, around } of neighbourhoods(bytes.toString('utf8'))) {
    const label = wanted.get(word);
    if (label === undefined) continue;
    seen.add(word);
    const company = around();
    if (company.includes(label)) right.add(word);
    if (company.includes(others.get(word) ?? '')) chance.add(word);
  }
  if (seen.size < wanted.size * idShare) return;
  const [told, byChance] = [right.size / seen.size, chance.size / seen.size];
  if (told < byChance + (1 - byChance) * beyondChance || told - byChance < leastGain) return;
  return `beside ${Math.round(told * 100)} % of its ids stands the label (${Math.round(byChance * 100)} % by chance)`;
}

/** Every word with those that stand about it: the others of its line, or the words before and after. */
function* neighbourhoods(text: string): Iterable<{ readonly word: string; readonly around: () => string[] }> {
  const lines = text.split('\n').map((line) => (line.match(/[\p{L}\p{N}_.+-]+/gu) ?? []).map(plain));
  const words = lines.flat();
  let start = 0;
  for (const line of lines) {
    for (const [at, word] of line.entries()) {
      const place = start + at;
      const around = (): string[] =>
        line.length > 1
          ? line.toSpliced(at, 1)
          : [...words.slice(Math.max(0, place - nearby), place), ...words.slice(place + 1, place + 1 + nearby)];
      yield { word, around };
    }
    start += line.length;
  }
}

/** Numbers in one spelling, so that 7, 7.0 and 07 are the same word; a stop at the end of a sentence is none of it. */
function plain(word: string): string {
  const bare = word.replace(/[.]+$/, '');
  const value = Number(bare);
  return bare !== '' && Number.isFinite(value) ? String(value) : bare;
}
