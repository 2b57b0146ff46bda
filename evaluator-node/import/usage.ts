// What `task VERB --help` says, and what is said beside a wrong word: of that verb alone, because the rest hides it.

interface Usage {
  readonly forms: readonly string[];
  readonly options: readonly string[];
}

const dryRun = '--dry-run          tells what would be done, and writes nothing';
const noGrader = "--no-grader        leaves the task's own grader out";
const config = "--config FILE      the evaluator's configuration";
const stateDirectory = "--state-dir DIR    the evaluator's own state directory";
const output = '-o json|table      data, or words; words where nothing is said';

const usages: Readonly<Record<string, Usage>> = {
  init: {
    forms: ['init DIR --metric NAME [OPTION]…', 'init DIR --grader FILE.py[:FUNCTION] --better lower|higher [OPTION]…'],
    options: [
      '--metric NAME      what scores a submission; `doubleblind score --list` tells the names',
      '--grader FILE.py   a grader of your own in place of a metric; a new one is written where there is no such file',
      '--better WHICH     lower or higher: which score of that grader is the better one',
      '--target COLUMN    the column to predict, once for each; else those of the sample submission',
      '--id COLUMN        the id column; else the first one of the sample submission',
      '--positive LABEL   the label that counts as 1, where two labels do not say',
      "--name NAME        the task's name; else the directory's",
      dryRun,
      output,
    ],
  },
  validate: { forms: ['validate DIR [OPTION]…'], options: [noGrader, config, output] },
  import: { forms: ['import DIR [OPTION]…'], options: [noGrader, config, stateDirectory, dryRun, output] },
  ls: { forms: ['ls [OPTION]…'], options: [config, stateDirectory, output] },
  rekey: { forms: ['rekey [OPTION]…'], options: [config, stateDirectory, dryRun, output] },
};

/** The forms and options of a verb; the forms of all where it is none. */
export function usageOf(verb: string): string {
  const known = Object.hasOwn(usages, verb) ? usages[verb] : undefined;
  const forms = known?.forms ?? Object.values(usages).flatMap((each) => each.forms);
  const usage = forms.map((form, index) => `${index === 0 ? 'usage:' : '      '} task ${form}\n`).join('');
  const options = known?.options.map((option) => `  ${option}\n`) ?? ['options of a verb: task VERB --help\n'];
  return `${usage}${options.join('')}`;
}
