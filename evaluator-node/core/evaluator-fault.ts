// A call that is not answered with a score, a refusal or a verdict.

export class EvaluatorFault extends Error {
  override readonly name = 'EvaluatorFault';
  readonly kind: 'invalidArgument' | 'notFound' | 'failedPrecondition' | 'unavailable' | 'aborted';
  /** For programs, in camel case; stable. */
  readonly reason: string;

  constructor(kind: EvaluatorFault['kind'], reason: string, message: string) {
    super(message);
    this.kind = kind;
    this.reason = reason;
  }
}
