// Words of the domain ↔ enum names on the wire. Exhaustive by type: a new word does not compile until it is here.

import type {
  FailureReason as WireFailureReason,
  Operator as WireOperator,
} from '../../proto/generated/doubleblind/common/v1.ts';
import type { FailureReason, Operator } from '../core/vocabulary.ts';

const operatorNames = {
  draft: 'OPERATOR_DRAFT',
  mutate: 'OPERATOR_MUTATE',
  crossover: 'OPERATOR_CROSSOVER',
  repair: 'OPERATOR_REPAIR',
  refit: 'OPERATOR_REFIT',
} as const satisfies Record<Operator, WireOperator>;

const failureReasonNames = {
  crash: 'FAILURE_REASON_CRASH',
  timeout: 'FAILURE_REASON_TIMEOUT',
  outOfMemory: 'FAILURE_REASON_OUT_OF_MEMORY',
  diskFull: 'FAILURE_REASON_DISK_FULL',
  noSubmission: 'FAILURE_REASON_NO_SUBMISSION',
  badSubmission: 'FAILURE_REASON_BAD_SUBMISSION',
  gaveUp: 'FAILURE_REASON_GAVE_UP',
  modelUnavailable: 'FAILURE_REASON_MODEL_UNAVAILABLE',
  infrastructure: 'FAILURE_REASON_INFRASTRUCTURE',
  cancelled: 'FAILURE_REASON_CANCELLED',
  leaseLost: 'FAILURE_REASON_LEASE_LOST',
} as const satisfies Record<FailureReason, WireFailureReason>;

const operatorsByName = inverse(operatorNames);
const failureReasonsByName = inverse(failureReasonNames);

/** The wire's name of an operator. */
export function operatorToWire(operator: Operator): WireOperator {
  return operatorNames[operator];
}

/** The operator, or undefined where it is unset or unknown. */
export function operatorFromWire(name: string): Operator | undefined {
  return operatorsByName.get(name);
}

/** The wire's name of a failure reason; unset where there is none. */
export function failureReasonToWire(reason: FailureReason | undefined): WireFailureReason {
  return reason === undefined ? 'FAILURE_REASON_UNSPECIFIED' : failureReasonNames[reason];
}

/** The failure reason, or undefined where it is unset or unknown. */
export function failureReasonFromWire(name: string): FailureReason | undefined {
  return failureReasonsByName.get(name);
}

function inverse<Word extends string>(names: Record<Word, string>): ReadonlyMap<string, Word> {
  return new Map((Object.entries(names) as [Word, string][]).map(([word, name]) => [name, word]));
}
