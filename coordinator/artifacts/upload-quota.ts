// How many bytes a host may store: what the attempts that it holds may need, so that no host fills the coordinator's disk.
//
// An upload does not say for which attempt it is. It is charged to the lease of its host with the most room left, which keeps
// the charges of honest attempts level: none comes near its allowance by what its neighbours store. The charge goes with the
// lease. Kept in memory: after a restart the leases that are out begin anew.

import type { HostName } from '../../shared/core/ids.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import type { RunOptions } from '../core/options.ts';
import { type HeldLease, leasesOf } from '../core/outstanding.ts';
import type { State } from '../core/state.ts';

export interface UploadQuota {
  /**
   * Takes the bytes off what the host may store, before they come; returns what gives them back where nothing was stored.
   * Throws `permissionDenied` with the reason `notHeld` where the host holds no attempt, and `resourceExhausted` with the reason
   * `attemptStorageFull` where no attempt that it holds has room.
   */
  charge(host: HostName, bytes: number): () => void;
}

/** Logs and transcripts, which lie on no sandbox's disk. */
const textBytes = 256 * 2 ** 20;

/** The most that one execution of an attempt may store, in bytes: program and submission, and each submission that it asks a score for. */
export function allowance({ limits, scoreQueries = 0 }: Pick<RunOptions, 'limits' | 'scoreQueries'>): number {
  return limits.diskBytes * (2 + scoreQueries) + textBytes;
}

export function newUploadQuota(state: Readonly<State>): UploadQuota {
  const charged = new Map<HostName, Map<string, number>>();
  return {
    charge(host, bytes) {
      const leases = leasesOf(state, host);
      if (leases.length === 0) {
        charged.delete(host);
        throw new RpcFault('permissionDenied', `host ${host} holds no attempt, so it has nothing to store`, {
          reason: 'notHeld',
        });
      }
      const before = charged.get(host);
      // What ended is forgotten here, so that there is never more than a charge for each lease.
      const charges = new Map(leases.map((lease) => [keyOf(lease), before?.get(keyOf(lease)) ?? 0]));
      charged.set(host, charges);
      const rooms = leases.map((lease) => {
        const options = state.runs.get(lease.runId)?.options;
        const limit = options === undefined ? 0 : allowance(options);
        return { key: keyOf(lease), limit, room: limit - (charges.get(keyOf(lease)) ?? 0) };
      });
      const widest = rooms.reduce((best, one) => (one.room > best.room ? one : best));
      if (bytes > widest.room) throw full(host, bytes, widest);
      add(charges, widest.key, bytes);
      return () => add(charged.get(host), widest.key, -bytes);
    },
  };
}

function add(charges: Map<string, number> | undefined, key: string, bytes: number): void {
  const known = charges?.get(key);
  if (known !== undefined) charges?.set(key, known + bytes);
}

function full(
  host: HostName,
  bytes: number,
  { limit, room }: { readonly limit: number; readonly room: number },
): RpcFault {
  const message =
    `${bytes} bytes are more than an attempt on ${host} may still store: ${Math.max(0, room)} of ${limit} bytes ` +
    'are left (diskBytes of its run × (2 + scoreQueries), and 256 MiB for logs and transcripts)';
  return new RpcFault('resourceExhausted', message, {
    reason: 'attemptStorageFull',
    metadata: { limitBytes: String(limit), leftBytes: String(Math.max(0, room)) },
  });
}

function keyOf({ attemptId, epoch }: HeldLease): string {
  return `${attemptId}:${epoch}`;
}
