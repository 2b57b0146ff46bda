// What the agent of a host is put together from.

import type { Heartbeat, ResultEvent } from '../shared/bus/messages.ts';
import type { SlotId } from '../shared/core/ids.ts';
import type { Bounds } from '../shared/sandbox/container-host.ts';
import type { AttemptPorts } from './attempt.ts';
import type { Concluded } from './core/trajectory-event.ts';
import type { SandboxEngine } from './sandbox/sandbox.ts';
import type { HostDescription, HostSlot } from './slots.ts';

/** What the agent needs of the bus. */
interface AgentBus {
  publishHeartbeat(heartbeat: Heartbeat): void | Promise<void>;
  publishResult(event: ResultEvent, repeat?: number): Promise<void>;
}

/** What the agent and its attempts work with. */
export interface AgentPorts extends AttemptPorts {
  /** Which sandboxes an earlier daemon left. */
  readonly engine: Pick<SandboxEngine, 'list' | 'remove' | 'silence'>;
}

export interface AgentOptions {
  readonly ports: AgentPorts;
  readonly bus: AgentBus;
  readonly version: string;
  readonly imageDigest: string;
  /** The largest sandbox that this host allows; absent where it is not known. */
  readonly largestSandbox?: Bounds | undefined;
  /** The slots as they are now; which there are does not change. */
  readonly slots: () => readonly HostSlot[];
  /**
   * Why nothing new begins on any slot, in a sentence; empty where nothing is against it. What runs goes on: unlike a slot that fails,
   * this takes nothing from it, and it may be over before the work is.
   */
  readonly trouble?: () => string;
  /** Asked before an attempt begins on a slot, alone there or not; rejects where the slot is not fit for it. */
  readonly idle?: (slotId: SlotId, isAlone: boolean) => Promise<void>;
  readonly trajectoriesPerSlot: number;
  readonly contextCharacters: number;
  readonly random: () => number;
  readonly heartbeatMs: number;
  /** Told of what an operator may want to graph. */
  readonly observer?: AgentObserver;
}

interface AgentObserver {
  described(host: HostDescription): void;
  ended(concluded: Concluded): void;
}
