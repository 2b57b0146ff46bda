// Says on a run's page that the offline policy answered where it did: only transcripts tell what answered, because what was asked for
// may have been something else.

import { follow } from './client.js';
import { candidateLink, fill, h } from './dom.js';

const offlinePolicy = 'offline-policy';

/**
 * An element that is empty, or says it of the best candidate, or of one that has begun while there is none.
 * @param {import('./run-model.js').RunModel} model
 * @param {AbortSignal} signal
 */
export function offlineNotice(model, signal) {
  const element = h('p', { class: 'soft notice' });
  let looking = new AbortController();
  let known = '';
  signal.addEventListener('abort', () => looking.abort());
  model.onChange(() => {
    const begun = model.candidates.find(({ started }) => started !== undefined);
    const id = model.run.bestCandidateId || begun?.id;
    if (id === undefined || id === known) return;
    known = id;
    looking.abort();
    looking = new AbortController();
    const { signal: over } = looking;
    follow(`/candidates/${encodeURIComponent(id)}/transcript`, undefined, over, {
      quiet: true,
      event({ json }) {
        const entry = JSON.parse(json);
        if (entry.kind !== 'modelAnswered') return;
        const number = model.byId.get(id)?.number;
        const told = [
          'The offline policy wrote ',
          candidateLink(id, `#${number ?? ''}`),
          ': rules, not a language model.',
        ];
        fill(element, entry.model === offlinePolicy ? told : []);
        looking.abort();
      },
    });
  });
  return element;
}
