// The first user message: all that a trajectory is given, as Markdown.
//
// Owns: what is told, in which order, and how long each part may be.
// Leaves to prompts/*.md: the words around it.
// Invariants: 1. the first fenced block is `json brief`, for readers that are programs; 2. a text that comes from
// elsewhere (code, logs, notes, descriptions) cannot close the fence around it; 3. every part has a bound.

import type { FailureReason, Operator, SearchOperator } from '../../shared/core/vocabulary.ts';
import { keepEnd, keepStart } from './bounded-text.ts';

/** Parts of a brief are bounded so that it leaves most of the context to the work. */
const maxCodeBytes = 24 * 1024;
const maxLogBytes = 4 * 1024;
const maxNoteBytes = 2 * 1024;
const maxDescriptionBytes = 16 * 1024;
const maxGuidanceBytes = 8 * 1024;
const maxIdeas = 40;
const maxIdeaBytes = 400;
const maxFiles = 40;
const maxNameBytes = 120;
const maxPackages = 60;
/** Two generations of two parents each, and a few more. */
const maxLineage = 8;
const maxLineageBytes = 800;

export interface BriefTask {
  readonly name: string;
  readonly title: string;
  readonly metric: string;
  readonly lowerIsBetter: boolean;
  readonly idColumn: string;
  /** The first of several. */
  readonly targetColumn: string;
  /** All of several. Absent in orders of versions that did not have it, as is the next. */
  readonly targetColumns?: readonly string[];
  /** What a row of a submission holds, in the evaluator's words. */
  readonly predictionKind?: string;
  readonly predictionColumns: readonly string[];
  readonly description: string;
  readonly trainRows: number;
  readonly testRows: number;
}

interface BriefLimits {
  readonly executionSeconds: number;
  readonly toolSeconds: number;
  readonly trajectorySeconds: number;
  readonly turns: number;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface BriefParent {
  readonly label: 'A' | 'B';
  readonly candidateId: string;
  readonly score: string;
  readonly runSeconds: number;
  readonly operator: Operator;
  readonly failureReason?: FailureReason;
  readonly failureMessage?: string;
  /** Text of main.py. */
  readonly code: string;
  /** All files of the solution. */
  readonly files: readonly string[];
  readonly log: string;
  readonly note: string;
}

export interface BriefNote {
  readonly candidateId: string;
  readonly score: string;
  readonly text: string;
  // Of ancestors, from 1 for a parent; absent in orders of versions that did not have them.
  readonly generation?: number;
  readonly operator?: Operator;
  readonly runSeconds?: number;
}

export interface Brief {
  readonly operator: SearchOperator;
  readonly seed: number;
  /** Position among the drafts of the run, from 1; 0 where it is none or unknown. */
  readonly draftNumber?: number;
  /** Position among the mutations of its parent, from 1; 0 where it is none or unknown. */
  readonly siblingNumber?: number;
  readonly runSeed?: number;
  readonly task: BriefTask;
  readonly limits: BriefLimits;
  readonly parents: readonly BriefParent[];
  readonly notes: readonly BriefNote[];
  readonly guidance: string;
  /** Files of the bundle, with sizes as text. */
  readonly dataFiles: readonly string[];
  readonly device: string;
  /** Packages that can be installed; none where no index is offered. */
  readonly packages: readonly string[];
  /** Scores that may be asked for during the work; absent for none. */
  readonly scoreQueries?: number;
}

/** Fills `{{name}}` in a template; an unknown name is a bug in the template and throws. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{\{([a-zA-Z]+)\}\}/g, (_match, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`invariant broken: the prompt uses an unknown placeholder {{${name}}}`);
    return value;
  });
}

/** The names of the values below, for those who check prompts before there is a brief. */
export const promptPlaceholders: readonly string[] = [
  ...['brief', 'task', 'title', 'metric', 'direction', 'idColumn', 'targetColumn', 'predictionColumns', 'description'],
  ...['data', 'turns', 'trajectorySeconds', 'toolSeconds', 'executionSeconds', 'cpus', 'memory', 'device', 'packages'],
  ...['parents', 'lineage', 'ideas', 'guidance', 'angle', 'scores'],
];

/** The values that every prompt may use. `angles` are the roads that drafts take in turn. */
export function promptValues(brief: Brief, angles: readonly string[] = []): Record<string, string> {
  const { task, limits } = brief;
  const { targetColumns: targets = [] } = task;
  const several = targets.length > 1;
  return {
    brief: jsonBlock(brief),
    task: task.name,
    title: task.title,
    metric: task.metric,
    direction: task.lowerIsBetter ? 'lower is better' : 'higher is better',
    idColumn: task.idColumn,
    targetColumn: several ? targets.join('`, `') : task.targetColumn,
    predictionColumns: task.predictionColumns.map((column) => `\`${column}\``).join(', '),
    description: keepStart(task.description.trim(), maxDescriptionBytes),
    data: dataSection(brief),
    turns: String(limits.turns),
    trajectorySeconds: seconds(limits.trajectorySeconds),
    toolSeconds: seconds(limits.toolSeconds),
    executionSeconds: seconds(limits.executionSeconds),
    cpus: String(limits.cpus),
    memory: `${(limits.memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    device: brief.device,
    packages: packagesText(brief.packages),
    parents: brief.parents.map((parent) => parentSection(parent, limits)).join('\n\n'),
    lineage: lineageSection(brief.notes, limits),
    ideas: ideasSection(brief.notes),
    guidance: guidanceSection(brief.guidance),
    angle: angleSection(brief.draftNumber ?? 0, angles),
    scores: scoresText(brief.scoreQueries ?? 0),
  };
}

function jsonBlock(brief: Brief): string {
  const { operator, seed, task, limits, guidance, draftNumber = 0, siblingNumber = 0, runSeed = 0 } = brief;
  const value = {
    operator,
    seed,
    ...(draftNumber > 0 ? { draft: { number: draftNumber, runSeed } } : {}),
    ...(siblingNumber > 0 ? { sibling: siblingNumber } : {}),
    task: {
      name: task.name,
      metric: task.metric,
      lowerIsBetter: task.lowerIsBetter,
      idColumn: task.idColumn,
      targetColumn: task.targetColumn,
      ...((task.targetColumns?.length ?? 0) > 1 ? { targetColumns: task.targetColumns } : {}),
      predictionColumns: task.predictionColumns,
      ...(task.predictionKind ? { predictionKind: task.predictionKind } : {}),
    },
    limits: {
      executionSeconds: limits.executionSeconds,
      cpus: limits.cpus,
      memoryBytes: limits.memoryBytes,
      turns: limits.turns,
    },
    parents: brief.parents.map((parent) => ({
      label: parent.label,
      candidateId: parent.candidateId,
      score: parent.score,
      runSeconds: parent.runSeconds,
      operator: parent.operator,
      ...(parent.failureReason === undefined ? {} : { failureReason: parent.failureReason }),
      ...(parent.failureMessage === undefined
        ? {}
        : { failureMessage: keepStart(parent.failureMessage, maxNoteBytes) }),
    })),
    guidance: keepStart(guidance, maxGuidanceBytes),
  };
  return fenced('json brief', JSON.stringify(value, null, 2));
}

/** A fenced block whose fence is longer than any run of backticks inside it. */
function fenced(info: string, text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map((run) => run[0].length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${info}\n${text.replace(/\n$/, '')}\n${fence}`;
}

/** The name of a file that somebody else chose: what could end the span around it, or a line, is not shown. */
function nameOf(file: string): string {
  return `\`${keepStart(file.replace(/[^A-Za-z0-9._/ -]/g, '?'), maxNameBytes)}\``;
}

function parentSection(parent: BriefParent, limits: BriefLimits): string {
  const score =
    parent.failureReason === undefined
      ? `Score on hidden rows: ${parent.score === '' ? 'unknown' : parent.score}.`
      : `It failed: ${parent.failureReason}.`;
  const others = parent.files.filter((file) => file !== 'main.py').slice(0, maxFiles);
  const parts = [
    `## Parent ${parent.label}`,
    `${score} Its clean-slate run took ${seconds(parent.runSeconds)} of the ${seconds(limits.executionSeconds)} allowed. Its files are in /work/parents/${parent.label}/.`,
    fenced('python main.py', keepStart(parent.code, maxCodeBytes)),
  ];
  if (others.length > 0) parts.push(`Other files: ${others.map(nameOf).join(', ')}`);
  parts.push('### Log', fenced('text log', keepEnd(parent.log, maxLogBytes)));
  if (parent.failureMessage !== undefined) {
    parts.push('### Failure', fenced('text failure', keepEnd(parent.failureMessage, maxNoteBytes)));
  }
  const note = parent.note.trim();
  parts.push('### Note', note === '' ? 'None.' : quoted(keepStart(note, maxNoteBytes)));
  return parts.join('\n\n');
}

/** As a quotation, so that headings and fences inside stay inside. */
function quoted(text: string): string {
  return (
    text
      // Whatever a reader might take for the end of a line.
      .split(/\r\n|[\n\r\u0085\u2028\u2029]/)
      .map((line) => `> ${line}`)
      .join('\n')
  );
}

/** The parents' parents and those before: what each step brought. */
function lineageSection(notes: readonly BriefNote[], limits: BriefLimits): string {
  const earlier = notes.filter(({ generation = 0 }) => generation > 1).slice(0, maxLineage);
  if (earlier.length === 0) return '';
  const allowed = seconds(limits.executionSeconds);
  const lines = earlier.map(({ candidateId, generation, operator, score, runSeconds = 0, text }) => {
    const head = [
      `generation −${generation}`,
      candidateId,
      operator ?? '',
      score,
      `ran ${seconds(runSeconds)} of ${allowed}`,
    ];
    const note = keepStart(text.replace(/\s+/g, ' ').trim(), maxLineageBytes);
    return `- ${head.filter((part) => part !== '').join(' · ')}: ${note}`;
  });
  return `## Before the parents\n\n${lines.join('\n')}`;
}

function ideasSection(notes: readonly BriefNote[]): string {
  if (notes.length === 0) return '## Ideas tried so far\n\nNone yet.';
  const lines = notes.slice(0, maxIdeas).map((note) => {
    const text = keepStart(note.text.replace(/\s+/g, ' ').trim(), maxIdeaBytes);
    return `- ${note.candidateId} · ${note.score} · ${text}`;
  });
  return `## Ideas tried so far\n\n${lines.join('\n')}`;
}

function guidanceSection(guidance: string): string {
  const text = guidance.trim();
  return text === '' ? '' : `## Guidance by the researcher\n\n${keepStart(text, maxGuidanceBytes)}`;
}

/** The road of a draft, so that drafts that start at the same time do not come out equal. */
function angleSection(draftNumber: number, angles: readonly string[]): string {
  const angle = draftNumber > 0 ? angles[(draftNumber - 1) % angles.length] : undefined;
  if (angle === undefined) return '';
  return (
    `## Your road\n\nOther drafts are written at the same time; yours is draft ${draftNumber}. So that they differ, begin with ` +
    `${angle}. Leave this road where guidance, or what the data show, speaks clearly against it, and say so in your note.`
  );
}

function dataSection(brief: Brief): string {
  const files = brief.dataFiles.slice(0, maxFiles).map((file) => `- ${file}`);
  const rows = `${brief.task.trainRows} labelled rows in train.csv, ${brief.task.testRows} rows to predict in test.csv.`;
  return [rows, ...files].join('\n');
}

function scoresText(count: number): string {
  if (count === 0) return 'and you never see it during your work.';
  return (
    `and of it you may see a little: the tool \`score\` has a submission file scored on a part of the hidden rows, ${count} ` +
    `${count === 1 ? 'time' : 'times'} at most, with noise added and rounded to its error. Keep it for what cross-validation cannot tell.`
  );
}

function packagesText(packages: readonly string[]): string {
  if (packages.length === 0) return '**No network**: nothing can be downloaded or installed.';
  const names = packages.slice(0, maxPackages).join(', ');
  const more =
    packages.length > maxPackages ? ` and ${packages.length - maxPackages} more (\`pip index versions NAME\`)` : '';
  return (
    `**No network**, but \`pip install NAME\` gets wheels from a read-only index of: ${names}${more}. ` +
    'What is installed is written to `/work/requirements.lock`, goes with your solution, and is installed before its ' +
    'clean-slate run. To go on with packages of a parent: `pip install -r /work/parents/A/requirements.lock`.'
  );
}

/** 90 s, 12 min, 9 h: as people say it. */
function seconds(value: number): string {
  if (value < 120) return `${Number(value.toFixed(1))} s`;
  if (value < 7200) return `${Number((value / 60).toFixed(1))} min`;
  return `${Number((value / 3600).toFixed(1))} h`;
}
