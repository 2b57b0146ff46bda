// What people tell the attempts of a run: with the run's options, and later by steering it.

import type { Run } from './state.ts';

/** What fits a prompt beside everything else; the agents cut longer texts. */
export const mostGuidanceCharacters = 8192;

/** All guidance of a run, oldest first. */
export function guidanceOf({ options, steering }: Run): string {
  return [options.guidance, ...steering].filter((text) => text !== '').join('\n\n');
}

/** True where the text says something and there is room for it. The same again adds nothing: it may be a repetition. */
export function maySteer(run: Run, guidance: string): boolean {
  if (guidance.trim() === '' || run.steering.at(-1) === guidance) return false;
  return guidanceOf(run).length + 2 + guidance.length <= mostGuidanceCharacters;
}
