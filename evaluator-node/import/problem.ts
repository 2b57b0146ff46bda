// What is wrong with a task folder, so that a person can mend it.

export interface Problem {
  /** Relative to the folder. */
  readonly file: string;
  /** Line of the file, from 1, where there is one. */
  readonly line?: number;
  /** What was found and what was expected, without a full stop. */
  readonly message: string;
  /** What to do, without a full stop. */
  readonly remedy: string;
  /** What differs for `task init`, where task.yaml is still to be written and flags say what it will. */
  readonly atInit?: { readonly file?: string; readonly remedy?: string };
  /** What a program said, on lines of its own. */
  readonly words?: string;
}

/** Most problems of one kind that are listed one by one. */
const listedLimit = 5;

/** The folder cannot become a task; all reasons at once. */
export class ImportError extends Error {
  readonly problems: readonly Problem[];

  constructor(directory: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(
      `${directory} is not importable, ${count}:\n${problems.map((problem) => `  ${describeProblem(problem)}`).join('\n')}`,
    );
    this.name = 'ImportError';
    this.problems = problems;
  }
}

/** The problems as `task init` tells them. */
export function atInit(problems: readonly Problem[]): Problem[] {
  return problems.map(({ atInit: instead, ...problem }) => ({ ...problem, ...instead }));
}

/** One line of text; more where a program said something. */
export function describeProblem(problem: Problem): string {
  const where = problem.line === undefined ? problem.file : `${problem.file}, line ${problem.line}`;
  const words = problem.words === undefined ? '' : `\n${problem.words.replace(/^/gm, '    ')}`;
  return `${where}: ${problem.message}. ${problem.remedy}.${words}`;
}

/** The first few of many problems of one kind, and how many more there are. */
export function firstOf(problems: readonly Problem[]): Problem[] {
  const listed = problems.slice(0, listedLimit);
  const last = listed.at(-1);
  if (last === undefined || problems.length === listed.length) return listed;
  const { line: _, ...rest } = last;
  const more = `${problems.length - listed.length} more rows have the same problem`;
  return [...listed, { ...rest, message: more, remedy: 'Mend them all' }];
}

/** The first names of columns, quoted. */
export function listed(columns: readonly string[]): string {
  const shown = columns.slice(0, 10).map((column) => JSON.stringify(column));
  return columns.length > 10 ? `${shown.join(', ')} and ${columns.length - 10} more` : shown.join(', ');
}
