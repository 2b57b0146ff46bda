// A Kaggle leaderboard and where a score would stand on it: MLE-bench's medals, and AIRA2's percentile.
// Rules of MLE-bench at commit 783b15a (mlebench/grade_helpers.py): thresholds are scores at positions of the board as it is,
// medals include their threshold, being above the median does not; lower is better where the first row is below the last.

export interface Leaderboard {
  /** In the order of the board. */
  readonly scores: readonly number[];
  readonly lowerIsBetter: boolean;
}

export interface Standing {
  readonly goldThreshold: number;
  readonly silverThreshold: number;
  readonly bronzeThreshold: number;
  readonly medianThreshold: number;
  readonly medal: 'gold' | 'silver' | 'bronze' | null;
  readonly aboveMedian: boolean;
  /** (N − R) / (N − 1) × 100, R the rank that the score takes on the board, at most N; null for a board of one. */
  readonly percentile: number | null;
}

/** Reads the text of a board with a column `score`; a sentence says why it is none. */
export function readLeaderboard(text: string): Leaderboard | string {
  if (text.startsWith('version https://git-lfs')) {
    return 'it is a Git LFS pointer, not the board; fetch it with `git lfs pull`';
  }
  const [header, ...rows] = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(fieldsOf);
  const at = header?.indexOf('score') ?? -1;
  if (at < 0) return 'it has no column named score';
  const cells = rows.map((row) => row[at] ?? '').filter((cell) => cell !== '');
  const scores = cells.map(Number);
  if (scores.length === 0) return 'it has no rows';
  if (!scores.every(Number.isFinite)) return 'a score in it is no number';
  return { scores, lowerIsBetter: (scores[0] ?? 0) < (scores.at(-1) ?? 0) };
}

/** Fields of one line; quoted ones may hold commas and doubled quotes. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)]
    .slice(0, -1)
    .map(([, field = '']) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));
}

/** Where a score stands. */
export function standingOn({ scores, lowerIsBetter }: Leaderboard, score: number): Standing {
  const rows = scores.length;
  const [gold, silver, bronze] = medalPositions(rows).map((position) => scores[position - 1] ?? Number.NaN) as [
    number,
    number,
    number,
  ];
  const median = medianOf(scores);
  const better = (left: number, right: number): boolean => (lowerIsBetter ? left < right : left > right);
  const reaches = (threshold: number): boolean => score === threshold || better(score, threshold);
  const rank = Math.min(rows, 1 + scores.filter((other) => better(other, score)).length);
  return {
    goldThreshold: gold,
    silverThreshold: silver,
    bronzeThreshold: bronze,
    medianThreshold: median,
    medal: reaches(gold) ? 'gold' : reaches(silver) ? 'silver' : reaches(bronze) ? 'bronze' : null,
    aboveMedian: better(score, median),
    percentile: rows < 2 ? null : ((rows - rank) / (rows - 1)) * 100,
  };
}

/** The last positions, from 1, that get gold, silver and bronze on a board of so many rows. */
export function medalPositions(rows: number): readonly [number, number, number] {
  const share = (of: number): number => Math.floor(rows * of);
  if (rows < 100) return [Math.max(1, share(0.1)), Math.max(1, share(0.2)), Math.max(1, share(0.4))];
  if (rows < 250) return [10, share(0.2), share(0.4)];
  if (rows < 1000) return [10 + share(0.002), 50, 100];
  return [10 + share(0.002), share(0.05), share(0.1)];
}

function medianOf(scores: readonly number[]): number {
  const sorted = [...scores].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
