// The coordinator's ArtifactService over gRPC.

import type { PutArtifactRequest } from '../../proto/generated/doubleblind/coordinator/v1.ts';
import type { Digest } from '../../shared/core/ids.ts';
import type { RpcClient } from '../../shared/rpc/client.ts';
import type { Input } from '../../shared/rpc/definitions.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { smallAtOnce, smallBytes } from '../../shared/store/artifacts.ts';
import { unlessAborted } from '../../shared/unless-aborted.ts';
import type { RemoteArtifacts } from './artifact-client.ts';

/** The protocol's bound of a chunk. */
const chunkBytes = 1 << 20;
/** A solution or submission of a few hundred megabytes over a slow link. */
const deadlineMs = 300_000;

type Client = RpcClient<'doubleblind.coordinator.v1.ArtifactService'>;

/** What is small and is stored at the same moment shares one call: a call costs more than the bytes of a program or a log. */
export function coordinatorArtifacts(client: Client): RemoteArtifacts {
  const one = async (digest: Digest, bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
    await client.putArtifact(parts(digest, bytes), { deadlineMs, signal });
  };
  const together = gathering(client);
  return {
    async *fetch(digest, signal) {
      for await (const { chunk } of client.getArtifact({ digest }, { deadlineMs, signal })) yield chunk;
    },
    async store(digest, bytes, signal) {
      if (bytes.byteLength > smallBytes) return await one(digest, bytes, signal);
      const isStored = await unlessAborted(together(digest, bytes), signal);
      if (!isStored) await one(digest, bytes, signal);
    },
  };
}

interface Waiting {
  readonly digest: Digest;
  readonly content: Uint8Array;
  readonly resolve: (isStored: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores what is asked for at the same moment with one call. Resolves with false where it must be tried alone: the call was refused,
 * maybe because of another artifact in it, or the coordinator is of 0.1 and has no such call.
 */
function gathering(client: Client): (digest: Digest, content: Uint8Array) => Promise<boolean> {
  let waiting: Waiting[] = [];
  const send = async (sent: readonly Waiting[]): Promise<void> => {
    const artifacts = sent.map(({ digest, content }) => ({ digest, content }));
    try {
      await client.putSmallArtifacts({ artifacts }, { deadlineMs });
      for (const { resolve } of sent) resolve(true);
    } catch (error) {
      for (const { resolve, reject } of sent) isRefusal(error) ? resolve(false) : reject(error);
    }
  };
  const sendAll = (): void => {
    const all = waiting;
    waiting = [];
    for (let from = 0; from < all.length; from += smallAtOnce) void send(all.slice(from, from + smallAtOnce));
  };
  return (digest, content) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(sendAll);
      waiting.push({ digest, content, resolve, reject });
    });
}

function isRefusal(error: unknown): boolean {
  const codes = ['unimplemented', 'invalidArgument', 'permissionDenied', 'resourceExhausted'];
  return error instanceof RpcFault && codes.includes(error.code);
}

function* parts(digest: Digest, bytes: Uint8Array): Generator<Input<PutArtifactRequest>> {
  yield { header: { digest, sizeBytes: bytes.byteLength } };
  for (let offset = 0; offset < bytes.byteLength; offset += chunkBytes) {
    yield { chunk: bytes.subarray(offset, offset + chunkBytes) };
  }
}
