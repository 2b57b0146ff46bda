// What it would take to repeat the paper's tables, from what recorded runs cost. Pure.
//
// The arms are those of AIRA2's ablation (Table 2 of the paper): 30 competitions, three seeds, 72 hours.

export interface Arm {
  readonly name: string;
  readonly gpus: number;
}

const paperArms: readonly Arm[] = [
  { name: 'all of it, 8 GPUs', gpus: 8 },
  { name: 'one GPU', gpus: 1 },
  { name: 'single-turn operators', gpus: 8 },
  { name: 'no hidden evaluation', gpus: 8 },
  { name: 'no evolution (best of K)', gpus: 8 },
];

const [competitions, seeds, hours] = [30, 3, 72];
const gpusOfHost = 8;

/** What recorded runs came to, all together. */
export interface Recorded {
  /** Hours in which a slot carried an attempt. */
  readonly laneHours: number;
  readonly dollars: number;
  readonly candidates: number;
  /** Attempts that share a slot. */
  readonly trajectoriesPerSlot: number;
}

export interface Needed {
  readonly arm: string;
  readonly gpuHours: number;
  /** Hosts with eight GPUs, so that the arm is done within 30 days. */
  readonly hosts: number;
  readonly candidates: number;
  readonly dollars: number;
}

/** For each arm, and all of them. Throws where nothing was recorded. */
export function paperNeeds({ laneHours, dollars, candidates, trajectoriesPerSlot }: Recorded): Needed[] {
  if (!(laneHours > 0)) throw new RangeError('the recorded runs took no time');
  const arms = paperArms.map(({ name, gpus }) => {
    const gpuHours = competitions * seeds * hours * gpus;
    const lanes = gpuHours * trajectoriesPerSlot;
    return {
      arm: name,
      gpuHours,
      hosts: Math.ceil(gpuHours / gpusOfHost / (30 * 24)),
      candidates: Math.round((candidates / laneHours) * lanes),
      dollars: (dollars / laneHours) * lanes,
    };
  });
  const sum = (of: (needed: Needed) => number): number => arms.reduce((total, needed) => total + of(needed), 0);
  const all = { arm: 'all arms', gpuHours: sum(({ gpuHours }) => gpuHours), hosts: sum(({ hosts }) => hosts) };
  return [
    ...arms,
    { ...all, candidates: sum((needed) => needed.candidates), dollars: sum((needed) => needed.dollars) },
  ];
}
