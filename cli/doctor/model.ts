// What an operator wants to know of a model before a run: each of its upstreams is asked for one small turn.

import type { Place } from '../context.ts';
import { dollars, duration } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { broken, type Check, ok } from './check.ts';

/** Three checks for each upstream of the model. */
export async function modelChecks(place: Place, model: string): Promise<Check[]> {
  const { checkModel } = await import('../rpc/gateway.ts');
  const found = await checkModel(place, model);
  return found.flatMap((one): Check[] => {
    const at = `${one.upstream}/${one.model}`;
    const says = oneLine(one.detail);
    return [
      one.reachable
        ? ok('Reachable', `${at} answered in ${duration(one.seconds)}`)
        : broken('Reachable', `${at}: ${says}`, ['Check its baseUrl and key file.']),
      toolsCheck(one.toolsWork, one.languageModel, at, says),
      one.priceKnown
        ? ok('Price', `${at}: the turn cost ${dollars(one.dollars)}`)
        : broken('Price', `${at} has none, so no budget of dollars can stop it`, [
            'Set inputDollarsPerMillion and outputDollarsPerMillion of the model; 0 where it is free.',
          ]),
    ];
  });
}

function toolsCheck(work: boolean, languageModel: boolean, at: string, says: string): Check {
  if (!languageModel) return ok('Tools', `${at} is rules, not a language model`);
  if (work) return ok('Tools', `${at} called one as it was told`);
  return broken('Tools', `${at}: ${says}`, ['Agents need a model that calls tools.']);
}
