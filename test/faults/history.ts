// What really happened, told by those who were there, against what the cluster says in the end. Reads only the records of
// clients (the stream of events that an operator watched, the books of the agents, the evaluator's ledger) and the final
// answers; shares no code with the daemons. A problem is a sentence.
//
// Invariants that it checks: nothing lost, nothing counted twice, of each attempt one result and that of its newest epoch,
// epochs that only grow, and scores that are those of the ledger.

/** An event of a run as a watching client saw it. */
export interface Seen {
  readonly sequence: number;
  readonly kind: string;
  readonly attemptId: string;
  readonly epoch: number;
}

/** An execution as the book of its host has it. */
export interface Executed {
  readonly host: string;
  readonly attemptId: string;
  readonly epoch: number;
  /** The digest that went to the coordinator; undefined where the execution gave none. */
  readonly submission: string | undefined;
}

/** A record of the evaluator's ledger about a score. */
export interface Evaluated {
  readonly attemptId: string;
  readonly epoch: number;
  readonly submission: string;
  readonly value: number;
  readonly cached: boolean;
}

/** A candidate in the end. */
export interface Final {
  readonly attemptId: string;
  readonly number: number;
  readonly host: string;
  readonly epoch: number;
  readonly state: string;
  /** Empty where it did not fail. */
  readonly failure: string;
  readonly score: number | undefined;
  readonly submission: string;
}

export interface History {
  readonly seen: readonly Seen[];
  readonly executed: readonly Executed[];
  readonly evaluated: readonly Evaluated[];
  readonly finals: readonly Final[];
  /** As the run itself counts them. */
  readonly candidatesScored: number;
}

/** Everything that is wrong; empty where nothing is. */
export function problemsOf(history: History): string[] {
  return [...ofEvents(history), ...ofWitnesses(history), ...ofResults(history), ...ofScores(history)];
}

/** Results that came in under an epoch that was no longer the newest of their attempt; none of them may count. */
export function staleResults({
  executed,
  finals,
}: {
  readonly executed: readonly Executed[];
  readonly finals: readonly Pick<Final, 'attemptId' | 'epoch'>[];
}): Executed[] {
  const newest = new Map(finals.map(({ attemptId, epoch }) => [attemptId, epoch]));
  return executed.filter(
    ({ attemptId, epoch, submission }) => submission !== undefined && epoch < (newest.get(attemptId) ?? 0),
  );
}

function* ofEvents({ seen }: History): Generator<string> {
  const epochs = new Map<string, number>();
  const scored = new Set<string>();
  let [last, epoch] = [0, 0];
  for (const event of seen) {
    if (event.sequence <= last) yield `event ${event.sequence} was seen after event ${last}`;
    last = event.sequence;
    if (event.attemptId === '') continue;
    const before = epochs.get(event.attemptId) ?? 0;
    if (event.epoch < before) yield `${event.attemptId} went from epoch ${before} back to ${event.epoch}`;
    epochs.set(event.attemptId, event.epoch);
    if (event.kind === 'attemptLeased') {
      if (event.epoch <= epoch) yield `the lease of ${event.attemptId} has epoch ${event.epoch}, after ${epoch}`;
      epoch = event.epoch;
    }
    if (event.kind === 'candidateScored') {
      if (scored.has(event.attemptId)) yield `${event.attemptId} was scored twice`;
      scored.add(event.attemptId);
    }
  }
}

const counted = new Set(['scored', 'quarantined']);

/** Whatever somebody has seen or done is there in the end. */
function* ofWitnesses({ seen, executed, finals }: History): Generator<string> {
  const states = new Map(finals.map(({ attemptId, state }) => [attemptId, state]));
  const witnessed = new Set([...seen, ...executed].map(({ attemptId }) => attemptId).filter((id) => id !== ''));
  for (const attemptId of witnessed) if (!states.has(attemptId)) yield `${attemptId} is gone`;
  for (const { kind, attemptId } of seen) {
    const state = states.get(attemptId);
    if (kind !== 'candidateScored' || state === undefined || counted.has(state)) continue;
    yield `${attemptId} was seen to be scored and is ${state}`;
  }
}

function* ofResults({ executed, finals, candidatesScored }: History): Generator<string> {
  const byKey = new Map(executed.map((one) => [`${one.host} ${one.attemptId} ${one.epoch}`, one]));
  const submissions = new Map<string, string>();
  const numbers = new Set<number>();
  for (const final of finals) {
    if (numbers.has(final.number)) yield `two candidates have number ${final.number}`;
    numbers.add(final.number);
    const own = byKey.get(`${final.host} ${final.attemptId} ${final.epoch}`);
    if (!counted.has(final.state)) {
      // What a run's end overtakes is not lost: it was told to stop.
      if (own?.submission !== undefined && final.failure !== 'cancelled') {
        yield `the result of ${final.attemptId} under epoch ${final.epoch} was lost: it is ${final.state} ${final.failure}`;
      }
      continue;
    }
    if (own === undefined) yield `${final.attemptId} counts, and ${final.host} knows of no epoch ${final.epoch}`;
    else if (own.submission !== final.submission) yield `${final.attemptId} counts with a result of another execution`;
    const other = submissions.get(final.submission);
    if (other !== undefined) yield `${final.attemptId} and ${other} count with one and the same result`;
    submissions.set(final.submission, final.attemptId);
  }
  const scored = finals.filter(({ state }) => state === 'scored').length;
  if (scored !== candidatesScored) yield `the run counts ${candidatesScored} candidates and lists ${scored}`;
  const stale = staleResults({ executed, finals }).find(({ submission }) => submissions.has(submission ?? ''));
  if (stale !== undefined) yield `a stale result of ${stale.attemptId} (epoch ${stale.epoch}) counts`;
}

function* ofScores({ evaluated, finals }: History): Generator<string> {
  const values = new Map<string, number>();
  const fresh = new Set<string>();
  for (const { attemptId, submission, value, cached } of evaluated) {
    const key = `${attemptId} ${submission}`;
    if (values.has(key) && values.get(key) !== value) yield `${attemptId} has two scores for one submission`;
    if (!cached && fresh.has(key)) yield `${attemptId} was scored afresh twice`;
    if (!cached) fresh.add(key);
    values.set(key, value);
  }
  for (const { attemptId, submission, score, state } of finals) {
    if (!counted.has(state)) continue;
    const value = values.get(`${attemptId} ${submission}`);
    if (value === undefined) yield `${attemptId} counts, and the ledger has no score of it`;
    else if (score !== undefined && value !== score)
      yield `${attemptId} counts with ${score}, the ledger says ${value}`;
  }
}
