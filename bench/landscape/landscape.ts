// A landscape of made-up programs: what an attempt is worth, how long it takes, and what is said of it. Pure and seeded.
//
// Worth is in standard deviations of drafts. A child has its parent's worth and a gain drawn from the recorded ones; what is
// gained shrinks towards a ceiling, because a task can be solved only so well. Assumed, not recorded: the ceiling, the share of
// programs whose own metric is wrong, and by how much. A child keeps the wrong metric of its parent: it is the parent's code.

import { nextFloat, nextNormal, type Rng } from '../../shared/core/rng.ts';
import type { Calibration } from './calibration.ts';

/** What the recorded runs do not tell. */
export interface Assumptions {
  readonly ceiling: number;
  /** Median of an attempt's hours; the paper's tasks take hours, the packaged ones seconds. */
  readonly attemptHours: number;
  /** Share of drafts and of changes that make a program's own metric wrong. */
  readonly wrongShare: number;
  /** Mean by which a wrong metric is too good. */
  readonly wrongBy: number;
}

export const assumptions: Assumptions = { ceiling: 6, attemptHours: 1, wrongShare: 0.02, wrongBy: 2 };

export interface Program {
  readonly worth: number;
  /** How much too good its own metric is; 0 where it is right. */
  readonly flattery: number;
  readonly fails: boolean;
  readonly seconds: number;
}

type Known = Pick<Calibration, 'failureShare' | 'durationSigma' | 'noise' | 'gains'>;

/** A program made from these parents, or from nothing. */
export function makeProgram(rng: Rng, known: Known, assumed: Assumptions, parents: readonly Program[]): Program {
  const [parent] = [...parents].sort((left, right) => right.worth - left.worth);
  const gains = parents.length > 1 && known.gains.crossover.length >= 10 ? known.gains.crossover : known.gains.mutate;
  const worth = parent === undefined ? nextNormal(rng) : parent.worth + gainOf(rng, gains, parent.worth, assumed);
  const inherited = Math.max(0, ...parents.map(({ flattery }) => flattery));
  const isWrong = nextFloat(rng) < assumed.wrongShare;
  const own = isWrong ? -assumed.wrongBy * Math.log(1 - nextFloat(rng)) : 0;
  const seconds = 3600 * assumed.attemptHours * Math.exp(known.durationSigma * nextNormal(rng));
  return { worth, flattery: Math.max(inherited, own), fails: nextFloat(rng) < known.failureShare, seconds };
}

function gainOf(rng: Rng, gains: readonly number[], worth: number, { ceiling }: Assumptions): number {
  const gain = gains[Math.floor(nextFloat(rng) * gains.length)] ?? 0;
  return gain > 0 ? gain * Math.max(0, 1 - worth / ceiling) : gain;
}

/** The score of a program on one split; another split has luck of its own. */
export function scoreOf(rng: Rng, known: Known, { worth }: Program): number {
  return worth + known.noise * nextNormal(rng);
}
