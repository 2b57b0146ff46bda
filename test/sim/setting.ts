// What every daemon of a simulated world stands on.

import type { ScoreRequest } from '../../coordinator/runs/score-desk.ts';
import type { Model } from '../../gpu-agent/model/model.ts';
import type { Rng } from '../../shared/core/rng.ts';
import type { Logger } from '../../shared/log.ts';
import type { SimBus } from './bus.ts';
import type { Network, Node } from './network.ts';
import type { SimProcess } from './process.ts';
import type { Product } from './products.ts';
import type { Sabotage } from './sabotage.ts';
import type { Timeline } from './timeline.ts';

export interface Setting {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly network: Network;
  readonly bus: SimBus;
  readonly sabotage: Pick<Sabotage, 'kind'>;
  /** By how much wall clocks are wrong now. */
  readonly wallOffsetMs: number;
  fail(problem: string): void;
  log(who: string): Logger;
  /** What an agent's process thinks by. */
  model(host: Node, caller: SimProcess): Model;
  /** Streams an artifact to the coordinator. */
  store(from: { readonly node: Node; readonly process: SimProcess }, product: Product): Promise<void>;
  /** Asks the coordinator for a score of a submission, as an attempt does during its work. */
  score(
    from: { readonly node: Node; readonly process: SimProcess },
    request: Omit<ScoreRequest, 'host'>,
  ): Promise<unknown>;
}
