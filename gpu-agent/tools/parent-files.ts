// What an attempt knows of its parents: their files, logs and notes, kept outside of the sandbox.

import type { FailureReason, Operator } from '../../shared/core/vocabulary.ts';
import { readTree, type TreeFile } from '../../shared/store/tree.ts';
import type { ToolRequest } from '../core/tool-catalogue.ts';

/** A parent with its artifacts read. */
export interface ParentFiles {
  readonly label: 'A' | 'B';
  readonly candidateId: string;
  readonly score: string;
  readonly runSeconds: number;
  readonly operator: Operator;
  readonly failureReason?: FailureReason;
  readonly failureMessage?: string;
  readonly note: string;
  readonly log: string;
  readonly files: readonly TreeFile[];
}

/** Files of a solution tar; what is no file of ours (absolute paths, links) is refused with a TreeError. */
export async function solutionFiles(tar: Uint8Array): Promise<TreeFile[]> {
  return await readTree(tar);
}

/** Text of one file, or null where there is none of that name. */
export function fileText(files: readonly TreeFile[], path: string): string | null {
  const wanted = path.replace(/^\.?\//, '');
  const file = files.find((candidate) => candidate.path === wanted);
  return file === undefined ? null : file.bytes.toString('utf8');
}

/** Answers `inspect`; `found` is false where there is nothing to show. */
export function inspectParent(
  parents: readonly ParentFiles[],
  request: Extract<ToolRequest, { tool: 'inspect' }>,
): { readonly text: string; readonly found: boolean } {
  const parent = parents.find((candidate) => candidate.label === request.parent);
  if (parent === undefined) {
    const labels = parents.map((candidate) => candidate.label).join(', ');
    return { text: labels === '' ? 'This attempt has no parents.' : `There is only: ${labels}.`, found: false };
  }
  switch (request.what) {
    case 'code': {
      const path = request.path ?? 'main.py';
      const text = fileText(parent.files, path);
      if (text !== null) return { text, found: true };
      return { text: `${path} is not a file of parent ${parent.label}. Its files:\n${listing(parent)}`, found: false };
    }
    case 'log':
      return parent.log === '' ? { text: 'It left no log.', found: false } : { text: parent.log, found: true };
    case 'note':
      return parent.note === '' ? { text: 'It left no note.', found: false } : { text: parent.note, found: true };
    case 'files':
      return { text: listing(parent), found: true };
  }
}

function listing(parent: ParentFiles): string {
  return parent.files.map((file) => `${file.bytes.byteLength} ${file.path}`).join('\n');
}
