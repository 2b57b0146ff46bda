// The table of attacks: what was tried, what was expected, what happened and what was measured; and docs/security-report.md,
// where each part (a folder of test/attacks) has a section that a run of it replaces.

import { relative } from 'node:path';

/** What vitest's JSON reporter writes, as far as it is used here. */
export interface AttackResults {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: string;
      readonly duration?: number;
      readonly meta?: { readonly measured?: readonly string[] };
    }[];
  }[];
}

/** Rows of the table by part. `directory` is the absolute one of test/attacks. */
export function attackRows(results: AttackResults, directory: string): Map<string, string[]> {
  const rows = new Map<string, string[]>();
  for (const { name, assertionResults } of results.testResults) {
    const path = relative(directory, name).replace(/\.test\.ts$/, '');
    const part = path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
    const lines = assertionResults.map(({ title, status, duration = 0, meta }) => {
      const happened = status === 'passed' ? 'as expected' : status === 'failed' ? '**not as expected**' : 'not run';
      const cells = [path, title, happened, meta?.measured?.join('; ') ?? '', `${(duration / 1000).toFixed(1)} s`];
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    });
    rows.set(part, [...(rows.get(part) ?? []), ...lines]);
  }
  return rows;
}

/** What only some machines have: a test whose title names it may be left out elsewhere. */
const rarelyThere = /\b(GPU|gVisor|userns-remap|browser)\b/;

/** Titles of the tests that were skipped, but for those that need what only some machines have. */
export function notRun({ testResults }: AttackResults): string[] {
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ title, status }) => status !== 'passed' && status !== 'failed' && !rarelyThere.test(title))
    .map(({ title }) => title);
}

/** The table of some rows. */
export function attackTable(rows: readonly string[]): string {
  return ['| tried | expected | happened | measured | took |', '|---|---|---|---|---|', ...rows].join('\n');
}

const title = `# Attacks and what came of them

Written by \`npm run test:attacks -- [PART] [--thorough] --write\`; a part's section is that of its latest run. Times and timings are those of
the machine named.
`;

/** The report with the sections of the parts that ran replaced, the others kept, in the order of their names. */
export function mergeReport(before: string, rows: ReadonlyMap<string, readonly string[]>, machine: string): string {
  const sections = new Map<string, string>();
  for (const section of before.split(/^## /m).slice(1)) {
    const end = section.indexOf('\n');
    sections.set(section.slice(0, end).trim(), section.slice(end).trim());
  }
  for (const [part, lines] of rows) sections.set(part, `${machine}\n\n${attackTable(lines)}`);
  const sorted = [...sections].sort(([left], [right]) => (left < right ? -1 : 1));
  return [title, ...sorted.map(([part, text]) => `## ${part}\n\n${text}\n`)].join('\n');
}
