import { expect, test } from 'vitest';
import { type ModelCatalogue, refuseUnknownModel } from './known-model.ts';

const offering = (names: readonly string[], isWhole = true): ModelCatalogue => ({
  modelNames: () => Promise.resolve({ names, isWhole }),
});

test('a model that no upstream serves is refused, and the ones that there are are named', async () => {
  await expect(refuseUnknownModel(offering(['big', 'small']), 'bgi')).rejects.toMatchObject({
    code: 'invalidArgument',
    message: 'no upstream of the gateway serves "bgi"; there are: big, small',
    violations: [{ field: 'options.model' }],
  });
  await refuseUnknownModel(offering(['big', 'small']), 'small');
});

test('the default needs no gateway, and neither one that is away nor one with more models than a page refuses anything', async () => {
  const away: ModelCatalogue = { modelNames: () => Promise.reject(new Error('connection refused')) };
  await refuseUnknownModel(away, '');
  await refuseUnknownModel(away, 'big');
  await refuseUnknownModel(offering(['big'], false), 'unlisted');
});
