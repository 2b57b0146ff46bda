// What an agent does not do when it is told to.

export type RefusalKind = 'staleEpoch' | 'unknownSlot' | 'unusableSlot' | 'slotFull' | 'draining' | 'asleep';

/** An order that is refused; no fault of this daemon. */
export class AgentRefusal extends Error {
  override readonly name = 'AgentRefusal';
  readonly kind: RefusalKind;
  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}
