// The first thing the policy does: look at the data. This file holds the Python that looks, and reads what it printed.

import { z } from 'zod';
import type { Task } from './task.ts';

const named = z.object({ name: z.string(), distinct: z.number() });

const factsSchema = z.object({
  rows: z.number(),
  testRows: z.number(),
  numbers: z.number(),
  missingColumns: z.number(),
  missingShare: z.number(),
  categories: z.array(named),
  dates: z.array(z.string()),
  texts: z.array(z.string()),
  constant: z.array(z.string()),
  codes: z.array(named),
  strongest: z.array(z.object({ name: z.string(), strength: z.number() })),
  pictureSide: z.number(),
  target: z.object({
    number: z.boolean(),
    distinct: z.number(),
    rarest: z.number(),
    commonest: z.number(),
    minimum: z.number().nullable(),
    maximum: z.number().nullable(),
    skew: z.number().nullable(),
  }),
});

/** What the policy knows about a task's data. Counts are rows or columns of the public files. */
export type Facts = Readonly<z.infer<typeof factsSchema>>;

/** The facts in an observation; undefined where the look failed. */
export function readFacts(observation: string): Facts | undefined {
  const value = readMarked(observation, 'facts: ');
  const parsed = factsSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** Stands in where looking failed twice: nothing is known, so only what cannot fail will be tried. */
export const blindFacts: Facts = {
  rows: 1,
  testRows: 1,
  numbers: 0,
  missingColumns: 0,
  missingShare: 0,
  categories: [],
  dates: [],
  texts: [],
  constant: [],
  codes: [],
  strongest: [],
  pictureSide: 0,
  target: { number: false, distinct: 2, rarest: 1, commonest: 1, minimum: null, maximum: null, skew: null },
};

/** The JSON behind the last line that begins with `marker`; undefined where there is none. */
export function readMarked(observation: string, marker: string): unknown {
  const line = observation.split('\n').findLast((text) => text.startsWith(marker));
  if (line === undefined) return undefined;
  try {
    return JSON.parse(line.slice(marker.length));
  } catch {
    return undefined;
  }
}

/** Python that prints the facts, for the stateful interpreter. */
export function lookProgram(task: Task): string {
  return lookTemplate
    .replace('<<ID>>', JSON.stringify(task.idColumn))
    .replace('<<TARGET>>', JSON.stringify(task.targetColumn));
}

const lookTemplate = String.raw`# Look at the data first.
import json
import re

import numpy as np
import pandas as pd

ID, TARGET = <<ID>>, <<TARGET>>
print(open("/data/description.md", encoding="utf-8", errors="replace").read()[:600].strip(), "\n")
train = pd.read_csv("/data/train.csv", dtype={ID: str})
test = pd.read_csv("/data/test.csv", dtype={ID: str})
x, y = train.drop(columns=[ID, TARGET]), train[TARGET]
print("train", train.shape, "test", test.shape)
print(x.dtypes.astype(str).value_counts().to_string())


def kind(column):
    """How a column wants to be treated: constant, number, date, text or category."""
    if column.nunique() < 2:
        return "constant"
    if pd.api.types.is_numeric_dtype(column) and column.dtype != bool:
        return "number"
    words = column.dropna().astype(str)
    sample = words.sample(min(200, len(words)), random_state=0)
    if sample.str.contains(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}").mean() > 0.9:
        return "date"
    many = words.nunique() > 0.5 * len(words) and words.nunique() > 50
    return "text" if many or sample.str.count(" ").mean() > 4 else "category"


kinds = {name: kind(x[name]) for name in x}
numbers = [name for name in x if kinds[name] == "number"]
distinct = x.nunique()
is_number = pd.api.types.is_numeric_dtype(y) and y.dtype != bool
order = y if is_number and y.nunique() > 2 else pd.Series(pd.factorize(y, sort=True)[0])
strength = x[numbers].corrwith(order, method="spearman").abs().fillna(0).sort_values(ascending=False)
numeric = x.select_dtypes("number")
side = int(round(x.shape[1] ** 0.5))
square = side >= 6 and side * side == x.shape[1] == numeric.shape[1]
pixels = square and not x.isna().any().any() and numeric.min().min() >= 0 and numeric.max().max() <= 255
counts = y.value_counts()
missing = x.isna().mean()
facts = {
    "rows": len(train),
    "testRows": len(test),
    "numbers": len(numbers),
    "missingColumns": int((missing > 0).sum()),
    "missingShare": round(float(missing.mean()), 4),
    "categories": [{"name": n, "distinct": int(distinct[n])} for n in x if kinds[n] == "category"][:200],
    "dates": [n for n in x if kinds[n] == "date"][:10],
    "texts": [n for n in x if kinds[n] == "text"][:10],
    "constant": [n for n in x if kinds[n] == "constant"][:100],
    "codes": [{"name": n, "distinct": int(distinct[n])} for n in numbers if 3 <= distinct[n] <= 12][:20],
    "strongest": [{"name": n, "strength": round(float(s), 3)} for n, s in strength.head(6).items()],
    "pictureSide": side if pixels else 0,
    "target": {
        "number": bool(is_number),
        "distinct": int(y.nunique()),
        "rarest": int(counts.min()),
        "commonest": int(counts.max()),
        "minimum": float(y.min()) if is_number else None,
        "maximum": float(y.max()) if is_number else None,
        "skew": round(float(y.skew()), 3) if is_number else None,
    },
}
print("facts: " + json.dumps(facts))
`;

/** What the facts say, in one or two sentences for the transcript. */
export function describeFacts(facts: Facts): string {
  const parts = [`${facts.rows} labelled rows and ${facts.testRows} to predict`];
  if (facts.numbers > 0) parts.push(plural(facts.numbers, 'numeric column'));
  if (facts.categories.length > 0) {
    const widest = Math.max(...facts.categories.map((column) => column.distinct));
    parts.push(`${plural(facts.categories.length, 'categorical column')} with up to ${widest} values`);
  }
  if (facts.dates.length > 0) parts.push(`dates in ${facts.dates.join(', ')}`);
  if (facts.texts.length > 0) parts.push(`free text in ${facts.texts.join(', ')}`);
  if (facts.pictureSide > 0) parts.push(`which are the pixels of ${facts.pictureSide} × ${facts.pictureSide} pictures`);
  const sentences = [`${parts.join(', ')}.`];
  if (facts.missingColumns > 0) {
    sentences.push(`${plural(facts.missingColumns, 'column')} with gaps (${(facts.missingShare * 100).toFixed(1)} %).`);
  }
  sentences.push(describeTarget(facts));
  return sentences.join(' ');
}

function describeTarget(facts: Facts): string {
  const { target, strongest } = facts;
  const [first] = strongest;
  const hint =
    first !== undefined && first.strength > 0.05 ? ` ${first.name} goes with it most (${first.strength}).` : '';
  if (target.number && target.distinct > 20) {
    const skewed = target.skew !== null && target.skew > 1 ? ', with a long right tail' : '';
    return `The target runs from ${target.minimum} to ${target.maximum}${skewed}.${hint}`;
  }
  const balance = target.commonest > 3 * target.rarest ? 'unbalanced' : 'fairly balanced';
  return `The target has ${target.distinct} values, ${balance} (${target.rarest} to ${target.commonest} rows).${hint}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
