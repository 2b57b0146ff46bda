// The leak linter: what in a task's files tells the target without learning. Pure; it gets columns of text.
//
// Refused: a feature that is the target, or stands in one-to-one relation to it (copy-leaks.ts has its disguises). Warned about: everything that may be
// honest (row order and ids, which are replaced anyway, duplicates, columns that say nothing).

import { copyFinding, type LeakFinding } from './copy-leaks.ts';
import { averageRanks, correlation } from './rank-correlation.ts';
import type { Split } from './splits.ts';

export interface LeakInput {
  /** True where the target is a class. */
  readonly classification: boolean;
  /** The labels as they stand in the file. */
  readonly labels: readonly string[];
  /** Class index or number of each row. */
  readonly truth: Float64Array;
  readonly classes: readonly string[];
  /** Ids of the rows; empty where the file has none. */
  readonly ids: readonly string[];
  readonly features: readonly {
    readonly name: string;
    readonly values: readonly string[];
    /** In the official test rows, where there are any. */
    readonly official?: readonly string[];
  }[];
  readonly splits: readonly Split[];
  /** The file of each row, where rows have files. */
  readonly files?: readonly RowFile[];
  /** SHA-256 of the file of each official test row. */
  readonly officialFiles?: readonly string[];
}

/** What is known of a file without looking into it. */
interface RowFile {
  readonly name: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** SHA-256 of its bytes. */
  readonly digest: string;
}

export type { LeakFinding };

/** Beyond this many standard errors a relation is not chance. */
const chanceLimit = 3;
/** Endings of files that are looked at; a folder of files has two or three. */
const mostEndings = 20;
/** Share of hidden rows that may have a twin with the same label in the training rows. */
const duplicateLimit = 0.5;

/** Everything found, refusals first. */
export function findLeaks(input: LeakInput): LeakFinding[] {
  const findings = [
    ...input.features.flatMap((feature) => [...featureFindings(input, feature), ...formatFindings(input, feature)]),
    ...orderFindings(input),
    ...endingFindings(input),
    ...fileFindings(input),
    ...twinFindings(input, featureKeys(input)),
    ...twinFindings(input, fileKeys(input)),
  ];
  return findings.sort((left, right) => Number(right.severity === 'refuse') - Number(left.severity === 'refuse'));
}

type Feature = LeakInput['features'][number];

function featureFindings(input: LeakInput, feature: Feature): LeakFinding[] {
  const name = JSON.stringify(feature.name);
  const byValue = new Map<string, string>();
  const byLabel = new Map<string, string>();
  let same = true;
  let determines = true;
  let determined = true;
  feature.values.forEach((value, row) => {
    const label = input.labels[row] ?? '';
    same &&= value === label;
    determines &&= (byValue.get(value) ?? label) === label;
    determined &&= (byLabel.get(label) ?? value) === value;
    byValue.set(value, label);
    byLabel.set(label, value);
  });
  const rows = feature.values.length;
  if (byValue.size <= 1) return [{ severity: 'warn', message: `column ${name} is constant and says nothing` }];
  if (same) return [{ severity: 'refuse', message: `column ${name} equals the target in all ${rows} rows` }];
  const repeats = byValue.size < rows * 0.9;
  if (determines && determined && repeats) {
    const message = `column ${name} is the target under other names: each of its ${byValue.size} values goes with one label`;
    return [{ severity: 'refuse', message }];
  }
  const copy = copyFinding(feature.name, feature.values, input.truth, input.classification);
  if (copy !== undefined) return [copy];
  if (input.classification && determines && byValue.size <= rows / 20) {
    const message = `column ${name} determines the target: each of its ${byValue.size} values goes with one label`;
    return [{ severity: 'warn', message }];
  }
  return [];
}

function orderFindings(input: LeakInput): LeakFinding[] {
  const findings: LeakFinding[] = [];
  const positions = Float64Array.from(input.truth, (_, row) => row);
  const byOrder = predictiveness(positions, input);
  const replaced =
    'order and ids are replaced in what agents see, so only a feature that follows them would still leak';
  if (byOrder > chanceLimit) {
    const message = `the order of the rows predicts the target (${byOrder.toFixed(1)} standard errors from chance); ${replaced}`;
    findings.push({ severity: 'warn', message });
  }
  const idValues = idsAsNumbers(input.ids);
  const byId = idValues === undefined ? 0 : predictiveness(idValues, input);
  if (byId > chanceLimit) {
    const message = `the ids predict the target (${byId.toFixed(1)} standard errors from chance); ${replaced}`;
    findings.push({ severity: 'warn', message });
  }
  return findings;
}

/** Numbers keep the spelling of the original, so where two sources were put together the spelling may tell which one. */
function formatFindings(input: LeakInput, { name, values }: Feature): LeakFinding[] {
  const numbers = Float64Array.from(values, (value) => (value === '' ? 0 : Number(value)));
  if (!numbers.every(Number.isFinite)) return [];
  const decimals = Float64Array.from(values, (value) => (/\.(\d*)/.exec(value)?.[1] ?? '').length);
  const byFormat = predictiveness(decimals, input);
  if (!(byFormat > chanceLimit + predictiveness(numbers, input))) return [];
  const message =
    `the number of decimals in column ${JSON.stringify(name)} predicts the target (${byFormat.toFixed(1)} standard errors ` +
    'from chance) and its values do not: write them all in one format';
  return [{ severity: 'warn', message }];
}

/** The ending of a file says how to read it, so it stays in what agents see. */
function endingFindings(input: LeakInput): LeakFinding[] {
  const endings = (input.files ?? []).map(({ name }) => /\.[^.]+$/.exec(name.toLowerCase())?.[0] ?? '');
  const kinds = [...new Set(endings)].sort(byCodePoint);
  if (kinds.length < 2) return [];
  const hint = 'agents see them: give all files one format';
  const found = featureFindings(input, { name: 'ending', values: endings }).find(
    ({ severity }) => severity === 'refuse',
  );
  if (found !== undefined) return [{ severity: 'refuse', message: `the endings of the files are the target: ${hint}` }];
  const errors = Math.max(
    ...kinds.slice(0, mostEndings).map((kind) =>
      predictiveness(
        Float64Array.from(endings, (ending) => Number(ending === kind)),
        input,
      ),
    ),
  );
  if (!(errors > chanceLimit)) return [];
  const message = `the endings of the files predict the target (${errors.toFixed(1)} standard errors from chance); ${hint}`;
  return [{ severity: 'warn', message }];
}

/** Names and times are replaced in what agents see; sizes stay. */
function fileFindings(input: LeakInput): LeakFinding[] {
  const { files = [] } = input;
  if (files.length === 0) return [];
  const replaced = 'they are replaced in what agents see, so only a feature that follows them would still leak';
  const names = files.map(({ name }) => name);
  const measures: readonly (readonly [string, Float64Array | undefined, string])[] = [
    [
      'the sizes of the files predict',
      Float64Array.from(files, ({ bytes }) => bytes),
      'agents see them: pad or encode the files alike',
    ],
    ['the names of the files predict', idsAsNumbers(names), replaced],
    ['the times of the files predict', Float64Array.from(files, ({ modifiedMs }) => modifiedMs), replaced],
  ];
  return measures.flatMap(([what, values, hint]): LeakFinding[] => {
    const errors = values === undefined ? 0 : predictiveness(values, input);
    if (!(errors > chanceLimit)) return [];
    const message = `${what} the target (${errors.toFixed(1)} standard errors from chance); ${hint}`;
    return [{ severity: 'warn', message }];
  });
}

/** Ids as sortable numbers: their value, or their rank as text. */
function idsAsNumbers(ids: readonly string[]): Float64Array | undefined {
  if (ids.length === 0) return;
  const numbers = Float64Array.from(ids, Number);
  if (numbers.every(Number.isFinite)) return numbers;
  const ranks = new Map([...ids].sort(byCodePoint).map((id, rank) => [id, rank]));
  return Float64Array.from(ids, (id) => ranks.get(id) ?? 0);
}

function byCodePoint(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * How many standard errors the values' relation to the target lies from chance: by rank sums of each class against the
 * rest, or by rank correlation. The strongest of k classes is brought to the scale of a single test.
 */
export function predictiveness(
  values: Float64Array,
  input: Pick<LeakInput, 'classification' | 'truth' | 'classes'>,
): number {
  const ranks = averageRanks(values);
  if (!input.classification) {
    return Math.abs(correlation(ranks, averageRanks(input.truth))) * Math.sqrt(Math.max(0, ranks.length - 1));
  }
  const rows = ranks.length;
  let strongest = 0;
  for (let index = 0; index < input.classes.length; index += 1) {
    let members = 0;
    let rankSum = 0;
    ranks.forEach((rank, row) => {
      if (input.truth[row] !== index) return;
      members += 1;
      rankSum += rank;
    });
    const others = rows - members;
    if (members === 0 || others === 0) continue;
    const expected = (members * (rows + 1)) / 2;
    const error = Math.sqrt((members * others * (rows + 1)) / 12);
    strongest = Math.max(strongest, Math.abs(rankSum - expected) / error);
  }
  const correction = 2 * Math.log(Math.max(1, input.classes.length / 2));
  return Math.sqrt(Math.max(0, strongest ** 2 - correction));
}

/** What makes two rows twins: one key for each labelled row, and for each official one where these can be compared. */
interface TwinKeys {
  readonly twin: string;
  readonly labelled: readonly string[];
  readonly official: readonly string[];
}

function featureKeys({ features, labels }: LeakInput): TwinKeys | undefined {
  const rows = features[0]?.official?.length ?? 0;
  const comparable = features.every(({ official }) => official?.length === rows);
  const keyOf = (of: (feature: Feature) => string | undefined): string => features.map(of).join('\u0001');
  if (features.length === 0) return;
  return {
    twin: 'an exact twin',
    labelled: labels.map((_, row) => keyOf(({ values }) => values[row])),
    official: Array.from({ length: comparable ? rows : 0 }, (_, row) => keyOf(({ official }) => official?.[row])),
  };
}

/** Columns may differ where the pictures, sounds or texts themselves are the same. */
function fileKeys({ files, officialFiles = [] }: LeakInput): TwinKeys | undefined {
  if (files === undefined) return;
  return { twin: 'a file of the same bytes', labelled: files.map(({ digest }) => digest), official: officialFiles };
}

function twinFindings(input: LeakInput, keys: TwinKeys | undefined): LeakFinding[] {
  return keys === undefined ? [] : [...hiddenTwins(input, keys), ...officialTwins(input, keys)];
}

/** Search and validation rows that agents find among the training rows. */
function hiddenTwins({ labels, splits }: LeakInput, { twin, labelled }: TwinKeys): LeakFinding[] {
  const labelsOfTrain = new Map<string, Set<string>>();
  let hidden = 0;
  splits.forEach((split, row) => {
    if (split !== 'train') {
      hidden += 1;
      return;
    }
    const key = labelled[row] ?? '';
    const known = labelsOfTrain.get(key);
    if (known === undefined) labelsOfTrain.set(key, new Set([labels[row] ?? '']));
    else known.add(labels[row] ?? '');
  });
  const twins = splits.filter((split, row) => {
    if (split === 'train') return false;
    const told = labelsOfTrain.get(labelled[row] ?? '');
    return told?.size === 1 && told.has(labels[row] ?? '');
  }).length;
  if (twins === 0) return [];
  const evidence = `${twins} of ${hidden} hidden rows have ${twin} with the same label among the training rows`;
  if (twins > hidden * duplicateLimit) return [{ severity: 'refuse', message: evidence }];
  return [{ severity: 'warn', message: `${evidence}; remove duplicates or split by group` }];
}

/** Of features that many labelled rows share, the share that must agree on the label for a twin to tell one. */
const agreeingTwins = 0.9;

/** Official test rows that agents find among the labelled ones. Where equal keys have different labels, twins tell nothing. */
function officialTwins({ labels }: LeakInput, { twin, labelled, official }: TwinKeys): LeakFinding[] {
  if (official.length === 0) return [];
  const known = new Map<string, Set<string>>();
  let shared = 0;
  labels.forEach((label, row) => {
    const key = labelled[row] ?? '';
    const earlier = known.get(key);
    if (earlier === undefined) known.set(key, new Set([label]));
    else {
      shared += 1;
      earlier.add(label);
    }
  });
  const disagreeing = [...known.values()].filter((each) => each.size > 1).length;
  if (shared > 0 && disagreeing > shared * (1 - agreeingTwins)) return [];
  const twins = official.filter((key) => known.get(key)?.size === 1).length;
  if (twins === 0) return [];
  const message = `${twins} of ${official.length} official test rows have ${twin} among the labelled rows, which tells their label`;
  return [{ severity: 'warn', message: `${message}; remove duplicates before the data is divided` }];
}
