// A candidate's transcript: from its host while it runs, from the artifact store afterwards.

import type { AttemptId, Digest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { ArtifactDirectory } from '../../shared/store/artifacts.ts';
import { isLeased } from '../core/state.ts';
import type { Fleet, TranscriptEntry } from '../fleet/fleet.ts';
import type { SearchActor } from '../runs/search-actor.ts';

export interface TranscriptSources {
  readonly actor: SearchActor;
  readonly fleet: Fleet;
  readonly artifacts: ArtifactDirectory;
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
  artifacts: ArtifactDirectory,
  name: Digest,
  from: number,
): AsyncGenerator<TranscriptEntry> {
  let entry = 0;
  let pending: Buffer[] = [];
  for await (const chunk of artifacts.stream(name)) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...pending, chunk.subarray(start, end)]).toString('utf8');
      pending = [];
      start = end + 1;
      if (entry >= from && line !== '') yield { entry, json: line };
      entry += 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
  const last = Buffer.concat(pending).toString('utf8');
  if (entry >= from && last !== '') yield { entry, json: last };
}
