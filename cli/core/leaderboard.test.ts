import { expect, test } from 'vitest';
import { type Leaderboard, medalPositions, readLeaderboard, standingOn } from './leaderboard.ts';

test('medals go to the positions that MLE-bench gives them, at every size of a board', () => {
  const sizes = [1, 5, 50, 99, 100, 249, 250, 999, 1000, 4000];
  expect(sizes.map((rows) => [rows, ...medalPositions(rows)])).toEqual([
    [1, 1, 1, 1],
    [5, 1, 1, 2],
    [50, 5, 10, 20],
    [99, 9, 19, 39],
    [100, 10, 20, 40],
    [249, 10, 49, 99],
    [250, 10, 50, 100],
    [999, 11, 50, 100],
    [1000, 12, 50, 100],
    [4000, 18, 200, 400],
  ]);
});

test('a medal includes its threshold, above the median does not, and the percentile follows the rank', () => {
  const scores = Array.from({ length: 11 }, (_, row) => (row + 1) / 10);
  const board: Leaderboard = { scores, lowerIsBetter: true };
  expect(standingOn(board, 0.1)).toMatchObject({ medal: 'gold', aboveMedian: true, percentile: 100 });
  expect(standingOn(board, 0.2)).toMatchObject({ medal: 'silver', percentile: 90 });
  expect(standingOn(board, 0.4)).toMatchObject({ medal: 'bronze', percentile: 70, medianThreshold: 0.6 });
  expect(standingOn(board, 0.41)).toMatchObject({ medal: null, aboveMedian: true });
  expect(standingOn(board, 0.6)).toMatchObject({ aboveMedian: false, percentile: 50 });
  expect(standingOn(board, 9)).toMatchObject({ medal: null, percentile: 0 });
  const high: Leaderboard = { scores: [...scores].reverse(), lowerIsBetter: false };
  expect(standingOn(high, 1.1)).toMatchObject({ medal: 'gold', goldThreshold: 1.1, percentile: 100 });
  expect(standingOn({ scores: [1], lowerIsBetter: false }, 2)).toMatchObject({ percentile: null });
});

test('a board is read with its direction; pointers of Git LFS and other files are refused in words', () => {
  expect(readLeaderboard('teamName,score\r\n"a, ""b""",0.5\r\nc,0.7\r\n')).toEqual({
    scores: [0.5, 0.7],
    lowerIsBetter: true,
  });
  expect(readLeaderboard('score,x\n0.9,\n0.7,1\n')).toEqual({ scores: [0.9, 0.7], lowerIsBetter: false });
  expect(readLeaderboard('version https://git-lfs.github.com/spec/v1\noid sha256:1\n')).toContain('Git LFS pointer');
  expect(readLeaderboard('team,points\na,1\n')).toContain('no column named score');
  expect(readLeaderboard('score\n')).toContain('no rows');
  expect(readLeaderboard('score\nx\n')).toContain('no number');
});
