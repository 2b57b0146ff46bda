// What a run has where nobody said otherwise: the coordinator fills it in, and the command line's help tells of it.

/** The paper's values (AIRA2, §3: Eq. 1, T = 0.2, crossover 0.15) and ours where it is silent. */
export const searchDefaults = {
  wallSeconds: 86_400,
  temperature: 0.2,
  crossoverProbability: 0.15,
  draftProbability: 0.05,
  finalists: 10,
} as const;

/** Of equal runs. */
export const defaultPriority = 1;

/** Of each attempt; a coordinator may be configured otherwise. The paper's executions have 9 h. */
export const limitDefaults = {
  executionSeconds: 32_400,
  toolSeconds: 1800,
  trajectorySeconds: 43_200,
  turns: 60,
  memoryBytes: 4 * 2 ** 30,
  cpus: 1,
} as const;
