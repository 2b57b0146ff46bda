// The difference of two texts, line by line (Myers 1986), as a unified diff.

export interface DiffLine {
  readonly kind: 'same' | 'removed' | 'added';
  readonly text: string;
}

/** A shortest edit script; beyond `maxEdits` the middle is replaced as a whole, so that time stays bounded. */
export function diffLines(left: readonly string[], right: readonly string[], maxEdits = 2000): DiffLine[] {
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (
    end < left.length - start &&
    end < right.length - start &&
    left[left.length - 1 - end] === right[right.length - 1 - end]
  ) {
    end += 1;
  }
  const same = (lines: readonly string[]): DiffLine[] => lines.map((text) => ({ kind: 'same', text }));
  const middle = myers(left.slice(start, left.length - end), right.slice(start, right.length - end), maxEdits);
  return [...same(left.slice(0, start)), ...middle, ...same(left.slice(left.length - end))];
}

function replaced(left: readonly string[], right: readonly string[]): DiffLine[] {
  return [
    ...left.map((text): DiffLine => ({ kind: 'removed', text })),
    ...right.map((text): DiffLine => ({ kind: 'added', text })),
  ];
}

function myers(left: readonly string[], right: readonly string[], maxEdits: number): DiffLine[] {
  if (left.length === 0 || right.length === 0) return replaced(left, right);
  const furthest = new Map<number, number>([[1, 0]]);
  const trail: Map<number, number>[] = [];
  const limit = Math.min(maxEdits, left.length + right.length);
  for (let edits = 0; edits <= limit; edits += 1) {
    trail.push(new Map(furthest));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = startOf(furthest, diagonal, edits);
      while (x < left.length && x - diagonal < right.length && left[x] === right[x - diagonal]) x += 1;
      furthest.set(diagonal, x);
      if (x >= left.length && x - diagonal >= right.length) return backtrack(left, right, trail);
    }
  }
  return replaced(left, right);
}

/** Where a path on this diagonal begins: below the neighbour above, or right of the one below. */
function startOf(furthest: ReadonlyMap<number, number>, diagonal: number, edits: number): number {
  const above = furthest.get(diagonal + 1) ?? -1;
  const below = furthest.get(diagonal - 1) ?? -1;
  return diagonal === -edits || (diagonal !== edits && below < above) ? above : below + 1;
}

function backtrack(
  left: readonly string[],
  right: readonly string[],
  trail: readonly ReadonlyMap<number, number>[],
): DiffLine[] {
  const lines: DiffLine[] = [];
  let x = left.length;
  let y = right.length;
  for (let edits = trail.length - 1; edits >= 0; edits -= 1) {
    const furthest = trail[edits] ?? new Map<number, number>();
    const diagonal = x - y;
    const above = furthest.get(diagonal + 1) ?? -1;
    const below = furthest.get(diagonal - 1) ?? -1;
    const fromAbove = diagonal === -edits || (diagonal !== edits && below < above);
    const previousX = fromAbove ? above : below;
    const previousY = previousX - (fromAbove ? diagonal + 1 : diagonal - 1);
    while (x > previousX && y > previousY && x > 0 && y > 0) {
      lines.push({ kind: 'same', text: left[x - 1] ?? '' });
      x -= 1;
      y -= 1;
    }
    if (edits === 0) break;
    if (fromAbove) lines.push({ kind: 'added', text: right[previousY] ?? '' });
    else lines.push({ kind: 'removed', text: left[previousX] ?? '' });
    x = previousX;
    y = previousY;
  }
  return lines.reverse();
}

const marks = { same: ' ', removed: '-', added: '+' } as const;

/** A unified diff with three lines of context; empty where the texts are equal. */
export function unifiedDiff(oldName: string, newName: string, oldText: string, newText: string): string {
  if (oldText === newText) return '';
  const lines = diffLines(toLines(oldText), toLines(newText));
  const near = lines.map((_, index) =>
    lines.slice(Math.max(0, index - 3), index + 4).some((line) => line.kind !== 'same'),
  );
  const out = [`--- ${oldName}`, `+++ ${newName}`];
  let oldLine = 1;
  let newLine = 1;
  for (let index = 0; index < lines.length; index += 1) {
    if (near[index] && !near[index - 1]) out.push(hunkHeader(lines, near, index, oldLine, newLine));
    const line = lines[index];
    if (line === undefined) continue;
    if (near[index]) out.push(`${marks[line.kind]}${line.text}`);
    if (line.kind !== 'added') oldLine += 1;
    if (line.kind !== 'removed') newLine += 1;
  }
  return `${out.join('\n')}\n`;
}

function toLines(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

function hunkHeader(
  lines: readonly DiffLine[],
  near: readonly boolean[],
  from: number,
  oldLine: number,
  newLine: number,
): string {
  let oldCount = 0;
  let newCount = 0;
  for (let index = from; near[index]; index += 1) {
    if (lines[index]?.kind !== 'added') oldCount += 1;
    if (lines[index]?.kind !== 'removed') newCount += 1;
  }
  return `@@ -${oldLine},${oldCount} +${newLine},${newCount} @@`;
}
