// Answers that a program has with it instead of learning them: by id, as a list, packed into a text, or in a file; and code
// that it hides from its readers.

import type { Evidence, SolutionFile, Suspicion } from './evidence.ts';
import { longestProgram, type ProgramText, programBytes } from './program-text.ts';

/** So many ids of test rows in a solution are no chance: they are opaque and keyed. */
const fewIds = 5;
/** Shorter ids, or plain small numbers, may be anything. */
const shortestId = 6;
/** Lists up to here are settings. */
const longestSettings = 60;
/** Of the test rows; a program may well know a few rows by heart and gain nothing. */
const tellingShare = 0.1;
const longestPlainText = 300;

/** An entry of a list or, with a key, of a dictionary. */
const number = /^\s*([\w"]{1,20}\s*:)?\s*[-+]?[\d.]{1,25}(e[-+]?\d{1,3})?\s*$/i;
const training =
  /\.\s*(fit|fit_transform|partial_fit|train|backward|fit_predict|lstsq|solve)\s*\(|\b(lgb|xgb|lightgbm|xgboost|catboost)\s*\.\s*(train|cv)\s*\(|\blstsq\s*\(|\bcurve_fit\s*\(|\bgroupby\s*\(/;
const dataFile =
  /\.(csv|tsv|npy|npz|pkl|pickle|joblib|parquet|feather|json|jsonl|txt|bin|dat|gz|zip|pt|pth|h5|sqlite|db)$/i;
const loading =
  /\b(read_csv|read_table|read_parquet|read_pickle|read_json|read_feather|load|loads|loadtxt|genfromtxt|fromfile|open|copy|copyfile|copy2|move|DictReader)\s*\(/;
const decoding = /\b(b64decode|b85decode|a85decode|b32decode|unhexlify|fromhex|decompress|rot_?13|frombuffer)\b/;
const running =
  /(^|[^\w.])(exec|eval|compile|__import__)\s*\(|\bimport_module\s*\(|\b(marshal|pickle|dill)\s*\.\s*loads\s*\(/;

export function fixedAnswers(programs: readonly ProgramText[], evidence: Evidence): Suspicion[] {
  return [
    ...largePrograms(evidence),
    ...idsInside(evidence),
    ...longLists(programs, evidence),
    ...packedTexts(programs, evidence),
    ...shippedPredictions(programs, evidence),
  ].slice(0, 1);
}

/** Code that only shows when it runs. */
export function hiddenCode(programs: readonly ProgramText[]): Suspicion[] {
  for (const { code, literals } of programs) {
    const run = running.exec(code);
    const packed = decoding.exec(code)?.[0] ?? literals.find((text) => /^rot_?13$/i.test(text));
    if (run !== null && packed !== undefined) {
      return [{ kind: 'hidden code', evidence: `it runs what it unpacks: ${run[0].trim()} with ${packed}` }];
    }
    const spelt = /\bchr\s*\(/.exec(code);
    if (run !== null && spelt !== null) {
      return [{ kind: 'hidden code', evidence: `it runs what it spells out: ${run[0].trim()} with chr` }];
    }
  }
  return [];
}

function largePrograms({ files }: Evidence): Suspicion[] {
  const bytes = programBytes(files);
  return bytes <= longestProgram ? [] : [hardCoded(`its programs have ${bytes} bytes, more than anybody writes`)];
}

function idsInside({ files, ids }: Evidence): Suspicion[] {
  const telling = new Set(ids.filter((id) => id.length >= shortestId && !/^\d{1,6}$/.test(id)));
  if (telling.size < fewIds) return [];
  for (const { path, text } of files) {
    if (text === undefined) continue;
    const seen = new Set<string>();
    for (const [word] of text.matchAll(/[\w.-]{6,}/g)) if (telling.has(word)) seen.add(word);
    if (seen.size >= fewIds) {
      return [hardCoded(`${path} names ${seen.size} of the ${ids.length} test rows by their ids`)];
    }
  }
  return [];
}

function longLists(programs: readonly ProgramText[], { ids, predictions }: Evidence): Suspicion[] {
  const most = Math.max(longestSettings, ids.length * tellingShare);
  const answers = new Set(predictions);
  for (const { code, literals } of programs) {
    for (const list of code.split(/[[\](){}]/)) {
      const length =
        list.length < 2 * most ? 0 : list.split(',').filter((entry) => number.test(entry.slice(0, 60))).length;
      if (length > most) return [hardCoded(`a list of ${length} numbers, for ${ids.length} test rows`)];
    }
    const asAnswers = literals.filter((text) => answers.has(text)).length;
    if (asAnswers > most) return [hardCoded(`${asAnswers} answers as texts, for ${ids.length} test rows`)];
    const digits = /\b\d{60,}\b|\b0x[0-9a-f]{50,}\b/i.exec(code);
    if (digits !== null) return [hardCoded(`a number of ${digits[0].length} digits`)];
  }
  return [];
}

/** Texts of many characters and no words: labels in a row, or something packed. */
function packedTexts(programs: readonly ProgramText[], { ids }: Evidence): Suspicion[] {
  const most = Math.max(longestSettings, ids.length * tellingShare);
  for (const { code, literals } of programs) {
    const unpacks = decoding.test(code);
    for (const text of literals) {
      const isRow = text.length > most && /^[\d,;|.-]+$/.test(text);
      const isPacked = text.length > (unpacks ? longestSettings : longestPlainText) && !/\s/.test(text.trim());
      const isTable = text.split(/[\s,;|]+/).length > most && /^[-\d.eE\s,;|:]+$/.test(text);
      if (isRow || isPacked || isTable) return [hardCoded(`a text of ${text.length} characters that are data`)];
    }
  }
  return [];
}

function shippedPredictions(programs: readonly ProgramText[], { files, ids }: Evidence): Suspicion[] {
  for (const { strings } of programs) {
    const copied = strings.find(
      (text) => /submission[\w{}-]{0,200}\.(csv|tsv|parquet|npy)$/i.test(text) && !isOwnSubmission(text),
    );
    if (copied !== undefined) return [copiedFrom(`it reads ${JSON.stringify(copied.slice(-60))}`)];
  }
  const learns = programs.some(({ code }) => training.test(code));
  if (learns || !programs.some(({ code }) => loading.test(code))) return [];
  const named = (file: SolutionFile): boolean => {
    const name = file.path.split('/').at(-1) ?? '';
    return programs.some(({ strings }) => strings.some((text) => text.endsWith(name)));
  };
  const shipped = files.find((file) => dataFile.test(file.path) && file.bytes >= ids.length / 8 && named(file));
  if (shipped === undefined) return [];
  return [copiedFrom(`it learns nothing and reads ${shipped.path} (${shipped.bytes} bytes), which came with it`)];
}

/** The sample of the task, and what it writes itself. */
function isOwnSubmission(path: string): boolean {
  return /sample_?submission/i.test(path) || /^\/?(out\/)?submission\.csv$/.test(path);
}

const hardCoded = (evidence: string): Suspicion => ({ kind: 'hard-coded answers', evidence });
const copiedFrom = (evidence: string): Suspicion => ({ kind: 'copied predictions', evidence });
