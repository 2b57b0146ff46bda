// Attacks whose figures need thousands of repetitions make all of them in `npm run test:attacks -- --thorough`, and
// enough of them to notice a broken defence without it.

/** Attacks by computation need seconds; a machine that does other work may take many times as long. */
export const patienceMs = 900_000;

/** As many as the figure needs, or a few. */
export function repetitions(thorough: number, few: number): number {
  return process.env['DOUBLEBLIND_ATTACKS'] === 'thorough' ? thorough : few;
}

/** The engine's runtime for the sandboxes of the attacks; undefined for its default one. */
export const testRuntime = process.env['DOUBLEBLIND_TEST_RUNTIME'];

/** The socket of another engine than the machine's, for rows that need what this one has and that one has not; it must have the image. */
export const testEngine = process.env['DOUBLEBLIND_TEST_ENGINE'];
