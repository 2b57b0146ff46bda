import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseCode } from './python-code.ts';

const program = `"""A docstring."""
import numpy as np

def fit(frame, alpha=0.1):  # ridge
    """Fits."""
    model = Ridge(alpha=alpha, tol=1e-3)
    for fold in range(5):
        model.fit(frame[fold], frame["y"])
    return model
`;

const same: [string, string][] = [
  ['comments and blank lines', program.replace('  # ridge', '').replace('def fit', '# here\n\n\ndef fit')],
  ['indentation', program.replaceAll('    ', '  ')],
  ['quotes', program.replace('"y"', "'y'")],
  ['docstrings', program.replace('    """Fits."""\n', '').replace('"""A docstring."""\n', '')],
  ['line breaks and a last comma', program.replace('alpha=alpha, tol=1e-3)', 'alpha=alpha,\n  tol=1e-3,\n    )')],
  ['spaces', program.replace('alpha=0.1', 'alpha = 0.1').replace('1e-3', '1e-3 ')],
  ['names of variables and functions', program.replaceAll('model', 'estimator').replaceAll('fold', 'k')],
  ['line ends', program.replaceAll('\n', '\r\n')],
];

test.each(same)('a program that differs in %s alone has the same form', (_what, other) => {
  expect(other).not.toBe(program);
  expect(normaliseCode(other)).toBe(normaliseCode(program));
});

const different: [string, string][] = [
  ['a number', program.replace('0.1', '0.2')],
  ['the name of an argument', program.replace('tol=', 'max_iter=')],
  ['an attribute', program.replace('model.fit', 'model.predict')],
  ['an imported class', program.replaceAll('Ridge', 'Lasso')],
  ['a string', program.replace('"y"', '"z"')],
  ['what belongs to a block', program.replace('    return model', '        return model')],
  ['a tuple of one', program.replace('return model', 'return (model,)')],
  ['a hash in a string', program.replace('"y"', '"#y"')],
];

test.each(different)('a program that differs in %s has another form', (_what, other) => {
  expect(other).not.toBe(program);
  expect(normaliseCode(other)).not.toBe(normaliseCode(program));
});

test('two variables that change places are not the same program', () => {
  expect(normaliseCode('a = 1\nb = 2\nprint(a - b)')).not.toBe(normaliseCode('a = 1\nb = 2\nprint(b - a)'));
});

test('any text has a form, and it does not depend on trailing space', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '"', "'", '\\', '\n', '(', ')', '#', ' ', ',', '=', '"""', 'for '),
  });
  fc.assert(
    fc.property(text, (source) => {
      expect(typeof normaliseCode(source)).toBe('string');
    }),
  );
  expect(normaliseCode('a = 1   \n\n')).toBe(normaliseCode('a = 1'));
});

test('a line of very many statements is read as fast as many lines', { timeout: 30_000 }, async () => {
  const statements = (count: number): string => normaliseCode('a=1;'.repeat(count));
  expect(statements(3)).toBe('0 v0 = 1\n0 v0 = 1\n0 v0 = 1');
  expect(statements(200_000).split('\n')).toHaveLength(200_000);
  await new Promise((resolve) => setImmediate(resolve));
});
