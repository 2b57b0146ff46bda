// A candidate's transcript: from its host while it runs, from the artifact store afterwards.
// Invariant: a line is as long as the host that stored it liked; no more of one is held than an entry may have.

import type { AttemptId, Digest } from '../../shared/core/ids.ts';
import { messageLimitBytes } from '../../shared/rpc/definitions.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { isLeased } from '../core/state.ts';
import type { Fleet, TranscriptEntry } from '../fleet/fleet.ts';
import type { SearchActor } from '../runs/search-actor.ts';

/** What one message has room for, with some for the rest of it: a longer entry could not be watched while the attempt ran either. */
export const mostEntryBytes = messageLimitBytes - 4096;
/** What is told of a longer one: enough to see what it is. */
const beginningBytes = 16_384;

export interface TranscriptSources {
  readonly actor: Pick<SearchActor, 'state' | 'nextCommit'>;
  readonly fleet: Pick<Fleet, 'watchTranscript'>;
  readonly artifacts: Pick<ArtifactDirectory, 'stream'>;
}

/** Entries from `from` on; with `follow`, also those to come until the attempt has ended. */
export async function* watchTranscript(
  { actor, fleet, artifacts }: TranscriptSources,
  id: AttemptId,
  from: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<TranscriptEntry> {
  let next = from;
  while (!signal.aborted) {
    const changed = actor.nextCommit();
    const attempt = actor.state.attempts.get(id);
    if (attempt === undefined) return;
    const stored = isLeased(attempt) || attempt.phase === 'planned' ? undefined : attempt.artifacts.transcript;
    if (stored !== undefined) {
      yield* storedEntries(artifacts, stored, next);
      return;
    }
    if (attempt.endedAt !== undefined || attempt.phase === 'evaluating') {
      throw new RpcFault('notFound', `candidate ${id} left no transcript`, { reason: 'noTranscript' });
    }
    if (isLeased(attempt) && attempt.host !== undefined) {
      for await (const { entry, json } of fleet.watchTranscript(attempt.host, { id, from: next, follow }, signal)) {
        next = Math.max(next, entry + 1);
        yield { entry, json };
      }
    }
    if (!follow) return;
    // It waits for a host, or its host has told all and the event of its end is on the way.
    await changed;
  }
}

async function* storedEntries(
  artifacts: TranscriptSources['artifacts'],
  name: Digest,
  from: number,
): AsyncGenerator<TranscriptEntry> {
  let entry = 0;
  for await (const line of linesOf(artifacts.stream(name))) {
    if (entry >= from && line.sizeBytes > 0) yield { entry, json: jsonOf(line) };
    entry += 1;
  }
}

interface Line {
  /** All of it, or the beginning of one that is too long. */
  readonly bytes: Buffer;
  /** Of the whole line. */
  readonly sizeBytes: number;
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  const add = (part: Buffer): void => {
    if (sizeBytes < mostEntryBytes) parts.push(part.subarray(0, mostEntryBytes - sizeBytes));
    sizeBytes += part.length;
  };
  const take = (): Line => {
    const line = { bytes: Buffer.concat(parts), sizeBytes };
    parts = [];
    sizeBytes = 0;
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      add(chunk.subarray(start, end));
      start = end + 1;
      yield take();
    }
    add(chunk.subarray(start));
  }
  yield take();
}

/** The entry; in place of one that is too long another that says so, since half an entry is no JSON. */
function jsonOf({ bytes, sizeBytes }: Line): string {
  const json = bytes.toString('utf8');
  // Bytes that are no UTF-8 become three times as many.
  if (sizeBytes <= mostEntryBytes && Buffer.byteLength(json) <= mostEntryBytes) return json;
  const beginning = bytes.subarray(0, beginningBytes).toString('utf8');
  return JSON.stringify({
    kind: 'cutShort',
    message: `This entry has ${sizeBytes} bytes. It begins so:\n${beginning}`,
  });
}
