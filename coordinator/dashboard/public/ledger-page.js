// The evaluator's ledger: every answer that left it, in order, chained and signed; checked here by this browser.

import { getAll } from './client.js';
import { candidateLink, fill, h, runLink } from './dom.js';
import { clock, count, score } from './format.js';
import { WindowTable } from './window-table.js';

/** @typedef {{ sequence: number, previousHash: string, bodyJson: string, hash: string, signature: string, body: Record<string, any> }} LedgerRecord */

/** @type {import('./window-table.js').Column<LedgerRecord>[]} */
const columns = [
  {
    title: 'No.',
    class: 'number w-s',
    cell: (record) => record.sequence,
    sort: (record) => record.sequence,
    descending: true,
  },
  { title: 'When', class: 'w-xl soft', cell: ({ body }) => clock(body['at']) },
  { title: 'To', class: 'w-l', cell: ({ body }) => String(body['to'] ?? '').replace('spiffe://doubleblind/', '') },
  {
    title: 'What',
    class: 'w-xl',
    cell: ({ body }) => h('span', { class: `record-type ${body['type']}` }, words(body['type'])),
  },
  { title: 'Run', class: 'w-xl', cell: ({ body }) => (body['runId'] ? runLink(String(body['runId'])) : '') },
  {
    title: 'Candidate',
    class: 'w-xl',
    cell: ({ body }) =>
      (body['candidateId'] ?? body['winnerId']) ? candidateLink(String(body['candidateId'] ?? body['winnerId'])) : '',
  },
  { title: 'Told', class: 'wide', cell: ({ body }) => told(body) },
  { title: 'Hash', class: 'w-l', cell: (record) => h('code', { class: 'faint' }, record.hash.slice(0, 16)) },
];

/** @param {import('./app.js').PageContext} page */
export async function show({ element, query, signal, addKeys, setTitle }) {
  setTitle('Ledger');
  const run = query.get('run') ?? '';
  const proof = h('p', { class: 'proof soft', role: 'status' }, 'checking …');
  const detail = h('pre', { class: 'record' });
  /** @type {(record: LedgerRecord | undefined) => void} */
  const reveal = (record) => {
    detail.textContent =
      record === undefined
        ? ''
        : JSON.stringify(
            { ...record.body, hash: record.hash, previousHash: record.previousHash, signature: record.signature },
            null,
            2,
          );
  };
  const table = new WindowTable({
    label: 'Ledger records',
    keyOf: (/** @type {LedgerRecord} */ record) => String(record.sequence),
    open: reveal,
    select: reveal,
    sortBy: 0,
    empty: 'The ledger has no records of it.',
    columns,
  });
  table.element.classList.add('tall');
  fill(
    element,
    h(
      'div',
      { class: 'title' },
      h('h1', {}, 'Ledger'),
      h(
        'p',
        { class: 'soft' },
        'everything that the evaluator told, and to whom',
        run !== '' && [' · of ', runLink(run), ' · ', h('a', { href: '/ledger' }, 'of all runs')],
      ),
      h('span', { class: 'space' }),
      proof,
    ),
    h('div', { class: 'ledger' }, table.element, detail),
  );
  addKeys(table.keys);
  table.element.focus({ preventScroll: true });
  /** @type {LedgerRecord[]} */
  const records = [];
  let key = '';
  await getAll(`/ledger?run=${encodeURIComponent(run)}`, 'records', signal, (items) => {
    for (const item of items) records.push({ ...item, body: parse(item.bodyJson) });
  });
  table.setRows(records);
  const { publicKeyPem } = await (await fetch('/api/v1/ledger?pageSize=1', { signal })).json();
  key = publicKeyPem ?? '';
  const problem = await findProblem(records, key, run === '');
  proof.className = `proof ${problem === undefined ? 'good' : 'bad'}`;
  proof.textContent =
    problem ??
    `✓ ${count(records.length)} records: ${run === '' ? 'chain and signatures hold' : 'hashes and signatures hold'}, checked in this browser`;
}

/** @param {unknown} type */
function words(type) {
  return String(type ?? '')
    .replace(/([A-Z])/g, ' $1')
    .toLowerCase();
}

/** @param {Record<string, any>} body */
function told(body) {
  if (typeof body['score'] === 'number')
    return [
      h('span', {}, `search score ${score(body['score'])}`),
      h(
        'span',
        { class: 'soft' },
        ` ± ${Number(body['standardError'] ?? 0).toPrecision(2)}${body['cached'] ? ', told before' : ''}${body['quarantined'] ? ', quarantined' : ''}`,
      ),
    ];
  if (body['refusal']) return h('span', { class: 'bad' }, `refused: ${body['refusal']}`);
  if (Array.isArray(body['finalists']))
    return `the verdict over ${body['finalists'].length} finalists: validation scores are revealed from here on`;
  switch (body['type']) {
    case 'verdictRepeated':
      return 'the verdict, as it was told before';
    case 'finalSubmissionSent':
      return `the final submission${body['refitted'] ? ', by refitted programs' : ''}`;
    case 'refitBundleSent':
      return 'all labelled rows of the task, for a refit';
    default:
      return h('span', { class: 'soft' }, 'nothing');
  }
}

/** @param {string} json @returns {Record<string, any>} */
function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

/** What is wrong with the records first; undefined where nothing is. @param {LedgerRecord[]} records @param {string} pem @param {boolean} whole */
async function findProblem(records, pem, whole) {
  const key = await importKey(pem);
  let previous = '0'.repeat(64);
  for (const record of records) {
    if (whole && record.previousHash !== previous)
      return `✗ record ${record.sequence} does not follow the one before it`;
    if ((await sha256(`${record.previousHash}\n${record.bodyJson}`)) !== record.hash)
      return `✗ record ${record.sequence} was changed`;
    if (
      key !== undefined &&
      !(await crypto.subtle.verify('Ed25519', key, bytesOf(record.signature), new TextEncoder().encode(record.hash)))
    )
      return `✗ record ${record.sequence} is not signed by this key`;
    previous = record.hash;
  }
  return key === undefined ? 'hashes hold; this browser cannot check signatures: doubleblind audit verify' : undefined;
}

/** @param {string} pem */
async function importKey(pem) {
  try {
    const der = bytesOf(pem.replace(/-----[A-Z ]+-----|\s/g, ''));
    return await crypto.subtle.importKey('spki', der, 'Ed25519', false, ['verify']);
  } catch {
    return undefined;
  }
}

/** @param {string} text */
async function sha256(text) {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @param {string} base64 */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
