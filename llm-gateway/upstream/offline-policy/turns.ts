// The turns that the policy can take: a thought and a tool call, or a thought alone.

import type { ChatTool } from '../upstream.ts';
import type { Effort } from './effort.ts';
import { lookProgram } from './facts.ts';
import type { NamedMember, ProgramContext } from './program.ts';
import { labProgram, mainProgram } from './program.ts';
import { labPath, mainPath } from './progress.ts';
import type { Recipe } from './recipe.ts';
import type { Task } from './task.ts';

/** What the policy does next. */
export interface Action {
  readonly thought: string;
  readonly tool: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Runs Python in the stateful interpreter, or through the shell where no interpreter is on offer. */
export function python(thought: string, code: string, tools: readonly ChatTool[], timeoutSeconds: number): Action {
  if (tools.some((tool) => tool.name === 'python')) {
    return { thought, tool: 'python', input: { code, timeout_seconds: timeoutSeconds } };
  }
  return {
    thought,
    tool: 'bash',
    input: { command: `python3 - <<'END'\n${code}\nEND`, timeout_seconds: timeoutSeconds },
  };
}

export function look(thought: string, task: Task, tools: readonly ChatTool[]): Action {
  return python(thought, lookProgram(task), tools, 120);
}

export function writeMain(thought: string, recipe: Recipe, context: ProgramContext, provenance: string): Action {
  return { thought, tool: 'write_file', input: { path: mainPath, content: mainProgram(recipe, context, provenance) } };
}

export function writeLab(
  thought: string,
  recipe: Recipe,
  named: readonly NamedMember[],
  context: ProgramContext,
): Action {
  return { thought, tool: 'write_file', input: { path: labPath, content: labProgram(recipe, named, context) } };
}

/** How much a comparison may look at. */
export interface Trial {
  readonly rows: number;
  readonly folds: number;
  readonly seconds: number;
}

export function runLab(
  thought: string,
  trial: Trial,
  current: Readonly<Record<string, number>>,
  recipe: Recipe,
  effort: Effort,
  tools: readonly ChatTool[],
): Action {
  const code = `${importing('lab', '/work')}
lab.compare(
    rows=${trial.rows}, folds=${trial.folds}, seconds=${trial.seconds}, run_seconds=${effort.runSeconds}, most=${effort.members},
    current=${JSON.stringify(current)},
    how="${recipe.blend}", sharpen=${recipe.sharpen},
)`;
  return python(thought, code, tools, timeout(trial.seconds));
}

/** Cross-validates main.py, then rehearses the real thing on few rows; without a trial, only the rehearsal. */
export function tryMain(thought: string, trial: Trial | undefined, tools: readonly ChatTool[]): Action {
  const check =
    trial === undefined ? '' : `\nmain.check(rows=${trial.rows}, folds=${trial.folds}, seconds=${trial.seconds})`;
  const code = `${importing('main', '/work/solution')}${check}
main.main(rows=300)  # a rehearsal: does it write what it should?`;
  return python(thought, code, tools, timeout(trial?.seconds ?? 10));
}

function importing(name: string, directory: string): string {
  return `import importlib
import sys

sys.path.insert(0, "${directory}")
import ${name}

importlib.reload(${name})`;
}

/** Patience for a trial: its processor-seconds on a machine that four trajectories share, and the imports. */
function timeout(seconds: number): number {
  return Math.round(60 + seconds * 8);
}

export function submit(thought: string, idea: string, changes: string, expectation: string): Action {
  return { thought, tool: 'submit', input: { idea, changes, expectation } };
}
