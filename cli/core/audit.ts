// Whether the ledger and the coordinator tell the same story of a run, and whether anything left the evaluator too early.
// Works on records whose chain and signatures were checked before; pure, so that a file and a live node get the same audit.
//
// What it holds a run to:
// 1. Every search score that the coordinator used is in the ledger, told before the seal, to a coordinator, and not for a submission
//    of an attempt that went on (exploratory). A repeat of another candidate has the other's, and is no finalist.
// 2. Before the seal the run has answers to submissions and nothing else; they hold the members listed here and no other.
// 3. No number that the seal revealed stands in an earlier answer of any run.
// 4. The seal is one record, it is the verdict that the coordinator shows, and no score was told after it. Notes may follow
//    those of the seal: what became of a refit is known only later.
// 5. The labels for a refit left after the seal, if at all.

import { canonicalJson } from '../../shared/core/canonical-json.ts';

/** A record of the ledger with its body as text. */
export interface AuditRecord {
  readonly sequence: number;
  readonly hash: string;
  readonly body: string;
}

interface UsedScore {
  readonly candidateId: string;
  readonly searchScore: number;
  /** The candidate whose score it has without an answer of its own: the evaluator was not asked for a repeat. */
  readonly duplicateOf?: string | undefined;
}

/** What the coordinator says that it got and used. */
export interface RunClaims {
  readonly runId: string;
  readonly candidates: readonly UsedScore[];
  /** As the coordinator shows it, without members that are null; absent while the run is not sealed. */
  readonly verdict?: Readonly<Record<string, unknown>> | undefined;
  /** A coordinator was asked and has the run; what a file says of it may as well be made up. */
  readonly isLive?: boolean;
}

export interface AuditReport {
  readonly runId: string;
  /** What is wrong; empty where everything holds. */
  readonly findings: readonly string[];
  /** Records of the run. */
  readonly records: number;
  /** Search scores told, refusals told. */
  readonly scores: number;
  readonly refusals: number;
  /** Scores of the coordinator that were found. */
  readonly matched: number;
  /** Sequence number of the seal; absent where the run is not sealed. */
  readonly sealedAt?: number;
  /** Whom the run's records went to. */
  readonly recipients: readonly string[];
}

type Body = Readonly<Record<string, unknown>>;

interface Entry {
  readonly sequence: number;
  readonly hash: string;
  readonly body: Body;
}

/** Members of an answer that may leave before the seal. A new one is a finding until somebody has thought about it. */
const answerMembers = new Set(
  'type at to runId candidateId epoch task version submissionDigest cached exploratory score standardError feedback quarantined refusal line'.split(
    ' ',
  ),
);
const laterTypes = new Set(['verdictRepeated', 'finalSubmissionSent', 'refitBundleSent', 'refitSubmitted']);

/** Audits one run; `records` are the whole chain, oldest first. */
export function auditRun(records: readonly AuditRecord[], claims: RunClaims): AuditReport {
  const findings: string[] = [];
  const entries = records.flatMap((record) => readEntry(record, findings));
  const own = entries.filter(({ body }) => body['runId'] === claims.runId);
  const seal = own.find(({ body }) => body['type'] === 'runSealed');
  const answers = own.filter(({ body }) => body['type'] === 'evaluated');
  // What an attempt was told on its way is no score of its candidate, even where the number is the same.
  const ends = answers.filter(({ body }) => body['exploratory'] === undefined);
  for (const entry of own) findings.push(...entryFindings(entry, seal));
  if (seal !== undefined) findings.push(...earlyNumbers(entries, seal), ...rewrittenScores(ends, seal));
  findings.push(...verdictFindings(seal, claims.verdict), ...absentFindings(own, seal, claims));
  const missing = claims.candidates.filter(
    ({ candidateId, searchScore, duplicateOf }) =>
      !ends.some(
        ({ body }) =>
          (body['candidateId'] === candidateId || body['candidateId'] === duplicateOf) && body['score'] === searchScore,
      ),
  );
  for (const { candidateId, searchScore } of missing) {
    findings.push(`the coordinator used the search score ${searchScore} of ${candidateId}, which no record holds`);
  }
  return {
    runId: claims.runId,
    findings,
    records: own.length,
    scores: answers.filter(({ body }) => body['score'] !== undefined).length,
    refusals: answers.filter(({ body }) => body['refusal'] !== undefined).length,
    matched: claims.candidates.length - missing.length,
    ...(seal === undefined ? {} : { sealedAt: seal.sequence }),
    recipients: [...new Set(own.map(({ body }) => String(body['to'])))],
  };
}

function readEntry({ sequence, hash, body }: AuditRecord, findings: string[]): Entry[] {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return [{ sequence, hash, body: value as Body }];
  } catch {
    // Told below, like any other body that is no object.
  }
  findings.push(`record ${sequence} is not a JSON object`);
  return [];
}

function entryFindings({ sequence, body }: Entry, seal: Entry | undefined): string[] {
  const type = String(body['type']);
  const findings: string[] = [];
  if (!String(body['to']).startsWith('coordinator/')) {
    findings.push(`record ${sequence} went to ${String(body['to'])}, and only a coordinator may get answers`);
  }
  const sealed = seal !== undefined && sequence > seal.sequence;
  if (type === 'evaluated') {
    const strange = Object.keys(body).filter((member) => !answerMembers.has(member));
    if (strange.length > 0) findings.push(`record ${sequence} holds ${strange.join(', ')}, which no answer may hold`);
    if (sealed) findings.push(`record ${sequence} answers a submission after the run was sealed`);
  } else if (type === 'runSealed') {
    if (sealed) findings.push(`record ${sequence} seals the run a second time`);
  } else if (!laterTypes.has(type)) {
    findings.push(`record ${sequence} is of the kind ${type}, which this version does not know`);
  } else if (!sealed) {
    findings.push(`record ${sequence} (${type}) stands before the seal`);
  }
  return findings;
}

/** Numbers of the seal that stand in an answer before it, in whichever run; whole numbers tell nothing apart. */
function earlyNumbers(entries: readonly Entry[], seal: Entry): string[] {
  const hidden = hiddenNumbers(seal.body);
  const findings: string[] = [];
  for (const { sequence, body } of entries) {
    if (sequence >= seal.sequence || body['type'] !== 'evaluated' || body['version'] !== seal.body['version']) continue;
    for (const [member, value] of Object.entries(body)) {
      // The search score itself is compared with what the seal says of its candidate.
      if (member === 'score') continue;
      const found = [...hidden].find(([number, text]) => value === number || String(value).includes(text));
      if (found !== undefined) {
        findings.push(`record ${sequence} holds ${found[1]} in ${member}, a score that the seal revealed only later`);
      }
    }
  }
  return findings;
}

function hiddenNumbers(seal: Body): Map<number, string> {
  const { intervalLow, intervalHigh, finalScore, ensemble } = seal;
  const numbers = [intervalLow, intervalHigh, finalScore];
  for (const { validationScore, testScore } of listOf([ensemble ?? {}])) numbers.push(validationScore, testScore);
  for (const finalist of listOf(seal['finalists'])) numbers.push(finalist['validationScore'], finalist['testScore']);
  const hidden = new Map<number, string>();
  for (const value of numbers) {
    if (typeof value === 'number' && !Number.isInteger(value) && String(value).length >= 6)
      hidden.set(value, String(value));
  }
  return hidden;
}

/** The search score that a candidate's answers gave must be the one that the seal says. */
function rewrittenScores(answers: readonly Entry[], seal: Entry): string[] {
  return listOf(seal.body['finalists'])
    .filter(
      (finalist) =>
        !answers.some(
          ({ body }) => body['candidateId'] === finalist['candidateId'] && body['score'] === finalist['searchScore'],
        ),
    )
    .map((finalist) => `no answer gave the search score that the seal says of ${String(finalist['candidateId'])}`);
}

/** Claims that leave out what the ledger has would pass every comparison. */
function absentFindings(records: readonly Entry[], seal: Entry | undefined, claims: RunClaims): string[] {
  const isNothing = records.length === 0 && claims.candidates.length === 0 && claims.verdict === undefined;
  if (isNothing && claims.isLive !== true) return [`no record of the ledger is of a run ${claims.runId}`];
  const findings: string[] = [];
  if (seal === undefined) return findings;
  if (claims.verdict === undefined) findings.push('a record seals the run, and no verdict is shown');
  else if (claims.verdict['winnerId'] === undefined || claims.verdict['finalists'] === undefined)
    findings.push('the verdict that is shown lacks its winner or its finalists');
  const own = claims.candidates.filter(({ duplicateOf }) => duplicateOf === undefined);
  const used = new Set(own.map(({ candidateId }) => candidateId));
  const left = listOf(seal.body['finalists']).filter(({ candidateId }) => !used.has(String(candidateId)));
  for (const { candidateId } of left)
    findings.push(`the finalist ${String(candidateId)} is not among the scores that are shown`);
  return findings;
}

function verdictFindings(seal: Entry | undefined, verdict: Body | undefined): string[] {
  if (verdict === undefined) return [];
  if (seal === undefined) return ['the coordinator shows a verdict, and no record seals the run'];
  const { ledgerHead, notes, ...claimed } = verdict;
  const findings =
    ledgerHead === seal.hash ? [] : [`the verdict names another head than record ${seal.sequence}, the seal`];
  const sealedNotes = Array.isArray(seal.body['notes']) ? seal.body['notes'] : [];
  const shown = Array.isArray(notes) ? notes.slice(0, sealedNotes.length) : [];
  if (canonicalJson(shown) !== canonicalJson(sealedNotes))
    findings.push('the coordinator shows other notes than the seal');
  for (const [member, value] of Object.entries(claimed)) {
    if (canonicalJson(plain(value) ?? null) === canonicalJson(plain(seal.body[member]) ?? null)) continue;
    findings.push(`the coordinator shows another ${member} than the seal`);
  }
  return findings;
}

function listOf(value: unknown): Body[] {
  return Array.isArray(value) ? (value as Body[]) : [];
}

/** A verdict or part of one without members that are null or no number, as two sides may write them differently. */
export function plain(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (Array.isArray(value)) return value.map((item) => plain(item) ?? null);
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  const kept = Object.entries(value).flatMap(([member, each]) => {
    const inner = plain(each);
    return inner === undefined ? [] : [[member, inner] as const];
  });
  return Object.fromEntries(kept);
}
