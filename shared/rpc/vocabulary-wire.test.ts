import { expect, test } from 'vitest';
import { failureReasons, operators } from '../core/vocabulary.ts';
import { failureReasonFromWire, failureReasonToWire, operatorFromWire, operatorToWire } from './vocabulary-wire.ts';

test('every word survives the way to the wire and back', () => {
  for (const operator of operators) expect(operatorFromWire(operatorToWire(operator))).toBe(operator);
  for (const reason of failureReasons) expect(failureReasonFromWire(failureReasonToWire(reason))).toBe(reason);
});

test('unset and unknown names are no words', () => {
  expect(operatorFromWire('OPERATOR_UNSPECIFIED')).toBeUndefined();
  expect(operatorFromWire('constructor')).toBeUndefined();
  expect(failureReasonFromWire(failureReasonToWire(undefined))).toBeUndefined();
});
