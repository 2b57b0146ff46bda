// How long a host is waited for: for one answer, and until what it holds may be given to others.
//
// Owns: the times of answers and grants. Leaves to host-actor.ts the asking. Monotonic milliseconds come in from outside.
// Invariant: a host is given up only when its agent has fenced whatever it was given last, also where the answer to that was lost.

import { fenceShare } from '../../shared/core/lease-term.ts';

/** Fractions of the lease's term. With 10 s: an answer within 2 s, a host without any for 11 s is lost. */
const [answerPart, lossPart] = [0.2, 1.1];
/**
 * Until a host has answered for the first time, a call waits for its connection too. A coordinator that was started again makes a
 * thousand of them in one moment: with a shorter deadline all calls fail together, just before all connections stand.
 */
const firstAnswerPart = 0.5;
/** After the start or renewal that reached an agent last it stops its work, and its clock drifts. */
const fencedPart = fenceShare + 0.02;
/** Below this a busy machine looks like a dead one. */
const leastAnswerMs = 500;

export class Patience {
  private readonly leaseTtlMs: number;
  private answeredMs: number;
  /** When the agent has fenced whatever the newest start or renewal gave it, whether or not it arrived. */
  private fencedMs: number;
  private acquainted: boolean = false;

  /** As if it had answered now, so that a host of the journal has a whole term to answer. */
  constructor(leaseTtlMs: number, nowMs: number) {
    this.leaseTtlMs = leaseTtlMs;
    this.answeredMs = nowMs;
    this.fencedMs = nowMs;
  }

  /**
   * False until it has answered since the start or since its address changed. Until then it is given nothing new: each start that
   * waits for its connection would put off the moment at which the host may be given up.
   */
  isAcquainted(): boolean {
    return this.acquainted;
  }

  /** The deadline of a call now. An agent records a start, and answers everything else from memory. */
  answerMs(): number {
    return Math.max(leastAnswerMs, this.leaseTtlMs * (this.acquainted ? answerPart : firstAnswerPart));
  }

  /** A start or a renewal leaves now; it may reach the agent until its deadline, which is the answer. */
  grant(nowMs: number): number {
    const deadlineMs = this.answerMs();
    // The time that a slow agent needs to read it is within a usual deadline, but not within one that the connection may use up.
    const readingPart = this.acquainted ? 0 : answerPart;
    this.fencedMs = Math.max(this.fencedMs, nowMs + deadlineMs + this.leaseTtlMs * (fencedPart + readingPart));
    return deadlineMs;
  }

  answered(nowMs: number): void {
    this.answeredMs = nowMs;
    this.acquainted = true;
  }

  /** The next call has a connection to make. */
  reconnecting(): void {
    this.acquainted = false;
  }

  /** Until then it is not lost, whatever fails. */
  lostAtMs(): number {
    return Math.max(this.answeredMs + this.leaseTtlMs * lossPart, this.fencedMs);
  }
}
