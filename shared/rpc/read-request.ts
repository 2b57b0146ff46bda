// A request read by a schema, and what is wrong with one in sentences of ours, with fields named as in the protocol.

import type { z } from 'zod';
import { type FieldViolation, RpcFault } from './fault.ts';

/** What the schema makes of the request; throws INVALID_ARGUMENT that begins with `refusal` and names each field. */
export function readRequest<Schema extends z.ZodType>(
  schema: Schema,
  request: unknown,
  refusal: string,
): z.output<Schema> {
  // What a schema says itself comes first; this is for what it leaves to the library.
  const parsed = schema.safeParse(request, { error: sentenceOf });
  if (parsed.success) return parsed.data;
  const violations = parsed.error.issues.map(
    ({ path, message }): FieldViolation => ({ field: fieldPath(path), description: message }),
  );
  const [first] = violations;
  const why = first === undefined ? '' : `: ${first.field} ${first.description}`;
  throw new RpcFault('invalidArgument', `${refusal}${why}`, { violations, cause: parsed.error });
}

/** A field's name in the protocol: runId is run_id. */
export function fieldName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** For example options.limits.memory_bytes, or messages[0].role. */
function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${fieldName(String(part))}`))
    .join('')
    .replace(/^\./, '');
}

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

const units: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' };
const kinds: Readonly<Record<string, string>> = {
  string: 'must be text',
  int: 'must be a whole number',
  number: 'must be a number',
  boolean: 'must be true or false',
  array: 'must be a list',
};

function sentenceOf(issue: RawIssue): string {
  switch (issue.code) {
    case 'too_big':
    case 'too_small': {
      const isBig = issue.code === 'too_big';
      const unit = units[issue.origin];
      const bound = isBig ? issue.maximum : issue.minimum;
      const than = issue.inclusive === false ? (isBig ? 'less than' : 'more than') : isBig ? 'at most' : 'at least';
      return `must ${unit === undefined ? 'be' : 'have'} ${than} ${bound}${unit ?? ''}`;
    }
    case 'invalid_type':
      if (issue.input === undefined || issue.input === null) return 'is missing';
      return kinds[issue.expected] ?? 'is of another type';
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    default:
      return 'is not valid';
  }
}
