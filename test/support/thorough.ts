// Attacks whose figures need thousands of repetitions make all of them in `npm run test:attacks -- --thorough`, and
// enough of them to notice a broken defence without it.

/** As many as the figure needs, or a few. */
export function repetitions(thorough: number, few: number): number {
  return process.env['DOUBLEBLIND_ATTACKS'] === 'thorough' ? thorough : few;
}
