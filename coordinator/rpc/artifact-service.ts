// ArtifactService: bytes in and out of the content-addressed store, verified on the way in, and no more than a host's attempts may store.

import { digest, type HostName, hostName, isDigest } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { implement, type RpcServiceDefinition } from '../../shared/rpc/handlers.ts';
import {
  type ArtifactDirectory,
  ArtifactMissing,
  DigestMismatch,
  smallAtOnce,
  smallBytes,
} from '../../shared/store/artifacts.ts';
import type { UploadQuota } from '../artifacts/upload-quota.ts';

const chunkBytes = 1_048_576;

export interface ArtifactServiceOptions {
  readonly artifacts: ArtifactDirectory;
  readonly maxArtifactBytes: number;
  readonly quota: UploadQuota;
}

export function artifactService({ artifacts, maxArtifactBytes, quota }: ArtifactServiceOptions): RpcServiceDefinition {
  /** Stores at the expense of a host; what was there already costs it nothing. */
  const charged = async (
    host: HostName,
    sizeBytes: number,
    field: string,
    store: () => Promise<{ readonly alreadyStored: boolean }>,
  ): Promise<{ alreadyStored: boolean }> => {
    const giveBack = quota.charge(host, sizeBytes);
    try {
      const { alreadyStored } = await store();
      if (alreadyStored) giveBack();
      return { alreadyStored };
    } catch (error) {
      giveBack();
      if (error instanceof DigestMismatch) throw refused(field, error.message);
      throw error;
    }
  };
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
      return await charged(hostName(identity.name), sizeBytes, 'header.digest', async () => {
        const sent = chunks(parts, sizeBytes);
        // What is small is gathered first, because the store has a shorter way for it.
        return await artifacts.put(sizeBytes <= smallBytes ? await whole(sent) : sent, digest(header.digest));
      });
    },
    async putSmallArtifacts({ artifacts: sent }, { identity }) {
      if (sent.length > smallAtOnce) throw refused('artifacts', `at most ${smallAtOnce} at once, not ${sent.length}`);
      for (const [index, { digest: name, content }] of sent.entries()) {
        if (!isDigest(name)) throw refused(`artifacts[${index}].digest`, 'must be a SHA-256 digest in lower-case hex');
        if (content.length > smallBytes) {
          throw refused(`artifacts[${index}].content`, `may have at most ${smallBytes} bytes, not ${content.length}`);
        }
      }
      const host = hostName(identity.name);
      const stored = sent.map(({ digest: name, content }, index) =>
        charged(host, content.length, `artifacts[${index}].digest`, () => artifacts.put(content, digest(name))),
      );
      // Nothing is under way any more when the answer goes out.
      const failure = (await Promise.allSettled(stored)).find((one) => one.status === 'rejected');
      if (failure !== undefined) throw failure.reason;
      return {};
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
