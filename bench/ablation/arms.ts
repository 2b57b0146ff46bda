// The arms of the real ablation: what each leaves out of the whole system, as flags of `run` or as another way to drive it.

/** Candidates of a run, attempts at once, and limits that a busy machine makes slower rather than worse. */
export const runWords =
  '--candidates 16 --finalists 16 --execution 100s --tool 100s --trajectory 900s --turns 30 --memory 1536MiB --cpus 1'.split(
    ' ',
  );
/** Attempts at once, and so candidates of a generation. */
export const width = 4;

export interface Arm {
  readonly name: string;
  /** What it is, for the table. */
  readonly about: string;
  /** Flags of `run` in place of or beside the common ones. */
  readonly words: readonly string[];
  /** Who says what a candidate is worth while the search goes on, and who chooses what is handed in. */
  readonly scoring: 'hidden' | 'own metric';
  /** Whether the next attempts wait until all of a generation have ended. */
  readonly generations: boolean;
}

const whole = { words: ['--slots', String(width)], scoring: 'hidden', generations: false } as const;

export const arms = [
  { ...whole, name: 'full', about: 'everything' },
  { ...whole, name: 'one-slot', about: 'one attempt at a time', words: ['--slots', '1'] },
  { ...whole, name: 'generations', about: `generations of ${width}, each waits for its slowest`, generations: true },
  { ...whole, name: 'own-metric', about: 'candidates say what they are worth', scoring: 'own metric' },
  { ...whole, name: 'drafts', about: 'best of 16 drafts', words: [...whole.words, '--operators', 'draft'] },
  { ...whole, name: 'few-turns', about: 'a look, a program, no experiment', words: [...whole.words, '--turns', '4'] },
  {
    ...whole,
    name: 'no-crossover',
    about: 'no crossover',
    words: [...whole.words, '--operators', 'draft,mutate,repair'],
  },
] as const satisfies readonly Arm[];

export type ArmName = (typeof arms)[number]['name'];
export const armNames = arms.map(({ name }) => name);

/** scikit-learn's own searches, given the processor time of the full arm's run. */
export const peerNames = ['randomised', 'halving'] as const;
export type PeerName = (typeof peerNames)[number];
