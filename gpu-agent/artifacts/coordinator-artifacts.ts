// The coordinator's ArtifactService over gRPC.

import type { PutArtifactRequest } from '../../proto/generated/doubleblind/coordinator/v1.ts';
import type { Digest } from '../../shared/core/ids.ts';
import type { RpcClient } from '../../shared/rpc/client.ts';
import type { Input } from '../../shared/rpc/definitions.ts';
import type { RemoteArtifacts } from './artifact-client.ts';

/** The protocol's bound of a chunk. */
const chunkBytes = 1 << 20;
/** A solution or submission of a few hundred megabytes over a slow link. */
const deadlineMs = 300_000;

export function coordinatorArtifacts(client: RpcClient<'doubleblind.coordinator.v1.ArtifactService'>): RemoteArtifacts {
  return {
    async *fetch(digest, signal) {
      for await (const { chunk } of client.getArtifact({ digest }, { deadlineMs, signal })) yield chunk;
    },
    async store(digest, bytes, signal) {
      await client.putArtifact(parts(digest, bytes), { deadlineMs, signal });
    },
  };
}

function* parts(digest: Digest, bytes: Uint8Array): Generator<Input<PutArtifactRequest>> {
  yield { header: { digest, sizeBytes: bytes.byteLength } };
  for (let offset = 0; offset < bytes.byteLength; offset += chunkBytes) {
    yield { chunk: bytes.subarray(offset, offset + chunkBytes) };
  }
}
