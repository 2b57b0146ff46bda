// ArtifactService: bytes in and out of the content-addressed store, verified on the way in, and no more than a host's attempts may store.

import { digest, hostName, isDigest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import { type ArtifactDirectory, ArtifactMissing, DigestMismatch, smallBytes } from '../../shared/store/artifacts.ts';
import type { UploadQuota } from '../artifacts/upload-quota.ts';

const chunkBytes = 1_048_576;

export interface ArtifactServiceOptions {
  readonly artifacts: ArtifactDirectory;
  readonly maxArtifactBytes: number;
  readonly quota: UploadQuota;
}

export function artifactService({ artifacts, maxArtifactBytes, quota }: ArtifactServiceOptions): RpcServiceDefinition {
  return implement('doubleblind.coordinator.v1.ArtifactService', {
    async putArtifact(requests, { identity }) {
      const parts = requests[Symbol.asyncIterator]();
      const first = await parts.next();
      const header = first.done === true ? undefined : first.value.header;
      if (header === undefined || !isDigest(header.digest)) {
        throw refused('header', 'the first message must be a header with a SHA-256 digest in lower-case hex');
      }
      const { sizeBytes } = header;
      if (sizeBytes > maxArtifactBytes) {
        throw refused('header.size_bytes', `an artifact may have at most ${maxArtifactBytes} bytes, not ${sizeBytes}`);
      }
      const name = digest(header.digest);
      const giveBack = quota.charge(hostName(identity.name), sizeBytes);
      try {
        const sent = chunks(parts, sizeBytes);
        // What is small is gathered first, because the store has a shorter way for it.
        const source = sizeBytes <= smallBytes ? await whole(sent) : sent;
        const { alreadyStored } = await artifacts.put(source, name);
        if (alreadyStored) giveBack();
        return { alreadyStored };
      } catch (error) {
        giveBack();
        if (error instanceof DigestMismatch) throw refused('header.digest', error.message);
        throw error;
      }
    },
    async *getArtifact({ digest: text }) {
      if (!isDigest(text)) throw refused('digest', 'must be a SHA-256 digest in lower-case hex');
      try {
        for await (const chunk of artifacts.stream(digest(text), chunkBytes)) yield { chunk };
      } catch (error) {
        throw error instanceof ArtifactMissing ? missing(error) : error;
      }
    },
  });
}

type Part = { readonly chunk?: Buffer };

async function* chunks(parts: AsyncIterator<Part>, sizeBytes: number): AsyncGenerator<Buffer> {
  let received = 0;
  for (let part = await parts.next(); part.done !== true; part = await parts.next()) {
    const { chunk } = part.value;
    if (chunk === undefined) throw refused('chunk', 'all messages after the first must be chunks');
    received += chunk.length;
    if (received > sizeBytes) throw refused('chunk', `more than the announced ${sizeBytes} bytes were sent`);
    yield chunk;
  }
  if (received < sizeBytes) throw refused('chunk', `${received} of the announced ${sizeBytes} bytes were sent`);
}

async function whole(sent: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of sent) parts.push(part);
  return Buffer.concat(parts);
}

function refused(field: string, description: string): RpcFault {
  return new RpcFault('invalidArgument', description, { violations: [{ field, description }] });
}

function missing(error: ArtifactMissing): RpcFault {
  return new RpcFault('notFound', error.message, { reason: 'unknownArtifact', cause: error });
}
