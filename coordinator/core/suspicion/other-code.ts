// Code outside of the files that are called programs: text that a program has run by its own doing, and what is compiled or packed so
// that nobody can read it.

import type { SolutionFile, Suspicion } from './evidence.ts';
import { isProgram, longestProgram, type ProgramText, readProgram } from './program-text.ts';

/** What starts code out of a file whatever the file is called. */
const starting =
  /\brunpy\b|\bspec_from_file_location\b|\bSourceFileLoader\b|\bload_source\b|\bsubprocess\b|\bos\s*\.\s*(system|popen|exec\w*|spawn\w*|posix_spawn\w*)\s*\(|(^|[^\w.])(exec|compile)\s*\(/;
/** A line that Python has and data has not. Blanks alone before it: a search that may cross lines takes hours on a file of empty ones. */
const pythonLine =
  /^[ \t\f]*(import\s+\w|from\s+[\w.]+\s+import\s|def\s+\w+\s*\(|exec\s*\(|print\s*\(|open\s*\()|\b__import__\s*\(/m;
const compiled = /\.(pyc|pyo|so|pyd)$/i;
const archive = /\.(zip|egg|whl|pyz)$/i;
/** What has Python look for modules elsewhere than beside the program. */
const importing = /\bsys\s*\.\s*path\b|\bzipimport\b|\bzipapp\b|\bSourcelessFileLoader\b|\brunpy\b/;

/** Texts that are programs by what they say, where a program of the solution starts such. */
export function disguisedPrograms(programs: readonly ProgramText[], files: readonly SolutionFile[]): ProgramText[] {
  if (!programs.some(({ code }) => starting.test(code))) return [];
  return files.flatMap(({ path, text = '' }) => {
    const beginning = text.slice(0, longestProgram);
    return !isProgram(path) && pythonLine.test(beginning) ? [readProgram(beginning)] : [];
  });
}

/** Code that came with the solution and has no text. */
export function unreadableCode(programs: readonly ProgramText[], files: readonly SolutionFile[]): Suspicion[] {
  const importsElsewhere = programs.some(({ code }) => importing.test(code));
  const found = files.find(({ path }) => compiled.test(path) || (importsElsewhere && archive.test(path)));
  if (found === undefined) return [];
  const name = found.path.replace(/[^ -~]/g, '?').slice(0, 120);
  return [{ kind: 'hidden code', evidence: `${name} came with it, which is code that nobody can read` }];
}
