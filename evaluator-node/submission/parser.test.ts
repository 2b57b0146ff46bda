import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDecimal } from './decimal.ts';
import { createIdTable, idTableOfJson } from './id-table.ts';
import { createSubmissionParser, type SubmissionShape, submissionLimit } from './parser.ts';

const ids = createIdTable(['r1', 'r2', 'r3']);
const classIds = createIdTable(['a', 'b']);

const numbers: SubmissionShape = {
  idColumn: 'id',
  predictionColumns: ['y'],
  kind: 'number',
  classes: [],
  needsVariation: false,
  metric: 'rmse',
};
const probability: SubmissionShape = { ...numbers, kind: 'probability', range: { low: 0, high: 1 }, metric: 'roc-auc' };
const classes: SubmissionShape = {
  ...probability,
  kind: 'probabilities',
  predictionColumns: ['cat', 'dog', 'emu, grey'],
  classes: ['cat', 'dog', 'emu, grey'],
  metric: 'log-loss',
};
const labels: SubmissionShape = { ...numbers, kind: 'label', classes: ['0', '1', '2'], metric: 'accuracy' };
const words: SubmissionShape = { ...labels, classes: ['no', 'yes, "really"'] };

function parse(shape: SubmissionShape, table: typeof ids, content: string | Buffer, chunkBytes = 7): string | number[] {
  const parser = createSubmissionParser(shape, table);
  const bytes = Buffer.from(content as string);
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    if (!parser.push(bytes.subarray(at, at + chunkBytes))) break;
  }
  const result = parser.finish();
  return result.ok ? [...result.value] : `${result.error.kind}@${result.error.line}`;
}

const value = (text: string): string => `id,y\nr1,1\nr2,${text}\nr3,3\n`;
const triple = (row: string): string => `id,cat,dog,"emu, grey"\na,0.2,0.3,0.5\nb,${row}\n`;
const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

const corpus: [string, SubmissionShape, string | Buffer, string | number[]][] = [
  ['plain', numbers, 'id,y\nr1,1\nr2,2.5\nr3,-3e-2\n', [1, 2.5, -0.03]],
  ['no last newline', numbers, 'id,y\nr1,1\nr2,2\nr3,3', [1, 2, 3]],
  ['CRLF', numbers, 'id,y\r\nr1,1\r\nr2,2\r\nr3,3\r\n', [1, 2, 3]],
  ['rows in another order', numbers, 'id,y\nr3,3\nr1,1\nr2,2\n', [1, 2, 3]],
  ['columns in another order', numbers, 'y,id\n1,r1\n2,r2\n3,r3\n', [1, 2, 3]],
  ['quoted fields', numbers, '"id","y"\n"r1","1"\nr2,"2"\nr3,3\n', [1, 2, 3]],
  ['ties and constants', numbers, 'id,y\nr1,1\nr2,1\nr3,1\n', [1, 1, 1]],
  ['exponents', numbers, 'id,y\nr1,1e+16\nr2,1E2\nr3,1e-05\n', [1e16, 100, 1e-5]],
  ['many digits', numbers, value('0.1234567890123456789'), [1, 0.12345678901234568, 3]],
  ['leading zeros', numbers, value('007'), [1, 7, 3]],
  ['minus zero', numbers, value('-0'), [1, -0, 3]],
  ['NaN', numbers, value('NaN'), 'invalidValue@3'],
  ['nan', numbers, value('nan'), 'invalidValue@3'],
  ['Infinity', numbers, value('Infinity'), 'invalidValue@3'],
  ['inf', numbers, value('-inf'), 'invalidValue@3'],
  ['1e999', numbers, value('1e999'), 'invalidValue@3'],
  ['absurdly large', numbers, value('1e200'), 'outOfRange@3'],
  ['empty value', numbers, value(''), 'invalidValue@3'],
  ['a space', numbers, value(' '), 'invalidValue@3'],
  ['a leading space', numbers, value(' 2'), 'invalidValue@3'],
  ['a trailing space', numbers, value('2 '), 'invalidValue@3'],
  ['a tab', numbers, value('2\t'), 'invalidValue@3'],
  ['hexadecimal', numbers, value('0x10'), 'invalidValue@3'],
  ['octal', numbers, value('0o7'), 'invalidValue@3'],
  ['full-width digits', numbers, value('１２'), 'invalidValue@3'],
  ['Arabic digits', numbers, value('٣'), 'invalidValue@3'],
  ['underscores', numbers, value('1_000'), 'invalidValue@3'],
  ['a quoted decimal comma', numbers, value('"1,5"'), 'invalidValue@3'],
  ['a decimal comma', numbers, value('1,5'), 'malformedCsv@3'],
  ['true', numbers, value('true'), 'invalidValue@3'],
  ['a plus sign', numbers, value('+1'), 'invalidValue@3'],
  ['no digits before the point', numbers, value('.5'), 'invalidValue@3'],
  ['no digits after the point', numbers, value('5.'), 'invalidValue@3'],
  ['an unfinished exponent', numbers, value('1e'), 'invalidValue@3'],
  ['an exponent with a fraction', numbers, value('1e2.5'), 'invalidValue@3'],
  ['two minus signs', numbers, value('--1'), 'invalidValue@3'],
  ['a number with a tail', numbers, value('1abc'), 'invalidValue@3'],
  ['a big-integer suffix', numbers, value('1n'), 'invalidValue@3'],
  ['a formula', numbers, value('=1+1'), 'invalidValue@3'],
  ['an over-long number', numbers, value('1'.repeat(401)), 'invalidValue@3'],
  ['a duplicate id', numbers, 'id,y\nr1,1\nr1,2\nr3,3\n', 'duplicateId@3'],
  ['a missing id', numbers, 'id,y\nr1,1\nr3,3\n', 'missingId@0'],
  ['an unknown id', numbers, 'id,y\nr1,1\nr2,2\nr3,3\nr4,4\n', 'unknownId@5'],
  ['an id with a space', numbers, 'id,y\n r1,1\nr2,2\nr3,3\n', 'unknownId@2'],
  ['an id in another case', numbers, 'id,y\nR1,1\nr2,2\nr3,3\n', 'unknownId@2'],
  ['an empty id', numbers, 'id,y\n,1\nr2,2\nr3,3\n', 'unknownId@2'],
  ['__proto__ as id', numbers, 'id,y\n__proto__,1\nr2,2\nr3,3\n', 'unknownId@2'],
  ['__proto__ as column', numbers, 'id,__proto__\nr1,1\nr2,2\nr3,3\n', 'wrongColumns@1'],
  ['a byte-order mark', numbers, '\ufeffid,y\nr1,1\nr2,2\nr3,3\n', 'notText@1'],
  ['a NUL in a value', numbers, value('1\0'), 'notText@3'],
  ['a NUL in the header', numbers, 'id\0,y\nr1,1\n', 'notText@1'],
  ['UTF-16 with a mark', numbers, utf16('\ufeffid,y\nr1,1\n'), 'notText@1'],
  ['UTF-16 without a mark', numbers, utf16('id,y\nr1,1\n'), 'notText@1'],
  ['Latin-1', numbers, Buffer.from('id,y\nr1,\xe9\n', 'latin1'), 'notText@2'],
  ['an overlong encoding', numbers, Buffer.from([...Buffer.from('id,y\nr1,'), 0xc0, 0xb1, 10]), 'notText@2'],
  ['gzip', numbers, Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), 'notText@1'],
  ['zip', numbers, Buffer.from('PK\u0003\u0004rest'), 'notText@1'],
  ['tar', numbers, Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\u000000'), Buffer.alloc(248)]), 'notText@1'],
  ['Parquet', numbers, Buffer.from('PAR1....'), 'notText@1'],
  ['a lone CR between rows', numbers, 'id,y\rr1,1\rr2,2\rr3,3\r', 'malformedCsv@1'],
  ['two CRs', numbers, 'id,y\r\r\nr1,1\n', 'malformedCsv@1'],
  ['missing column', numbers, 'id\nr1\nr2\nr3\n', 'wrongColumns@1'],
  ['extra column', numbers, 'id,y,z\nr1,1,1\nr2,2,2\nr3,3,3\n', 'wrongColumns@1'],
  ['an index column', numbers, ',id,y\n0,r1,1\n1,r2,2\n2,r3,3\n', 'wrongColumns@1'],
  ['duplicated column', numbers, 'id,y,y\nr1,1,1\nr2,2,2\nr3,3,3\n', 'wrongColumns@1'],
  ['a header in another case', numbers, 'ID,y\nr1,1\nr2,2\nr3,3\n', 'wrongColumns@1'],
  ['no header', numbers, 'r1,1\nr2,2\nr3,3\n', 'wrongColumns@1'],
  ['semicolons', numbers, 'id;y\nr1;1\n', 'wrongColumns@1'],
  ['tabs', numbers, 'id\ty\nr1\t1\n', 'wrongColumns@1'],
  ['JSON', numbers, '[{"id":"r1","y":1}]\n', 'malformedCsv@1'],
  ['0 bytes', numbers, '', 'empty@0'],
  ['a header only', numbers, 'id,y\n', 'empty@0'],
  ['only a newline', numbers, '\n', 'malformedCsv@1'],
  ['an empty line', numbers, 'id,y\nr1,1\n\nr2,2\nr3,3\n', 'malformedCsv@3'],
  ['an empty line at the end', numbers, 'id,y\nr1,1\nr2,2\nr3,3\n\n', 'malformedCsv@5'],
  ['a short row', numbers, 'id,y\nr1\nr2,2\nr3,3\n', 'malformedCsv@2'],
  ['a long row', numbers, 'id,y\nr1,1,\nr2,2\nr3,3\n', 'malformedCsv@2'],
  ['an unclosed quote', numbers, 'id,y\nr1,"1\nr2,2\nr3,3\n', 'malformedCsv@2'],
  ['text after a quote', numbers, 'id,y\nr1,"1"0\nr2,2\nr3,3\n', 'malformedCsv@2'],
  ['a stray quote', numbers, 'id,y\nr1,1"\nr2,2\nr3,3\n', 'malformedCsv@2'],
  ['a comment', numbers, '# mine\nid,y\n', 'wrongColumns@1'],
  ['very many commas', numbers, Buffer.alloc(200_000, ','), 'malformedCsv@1'],
  ['one endless line', numbers, Buffer.alloc(200_000, 'x'), 'malformedCsv@1'],
  ['probabilities at the ends', probability, 'id,y\nr1,0\nr2,1\nr3,1.0\n', [0, 1, 1]],
  ['a probability of 1.2', probability, 'id,y\nr1,0\nr2,1.2\nr3,1\n', 'outOfRange@3'],
  ['a probability below 0', probability, 'id,y\nr1,0\nr2,-0.0001\nr3,1\n', 'outOfRange@3'],
  ['a label', labels, 'id,y\nr1,0\nr2,2\nr3,1\n', [0, 2, 1]],
  ['a whole number as label', labels, 'id,y\nr1,0.0\nr2,2.0\nr3,1\n', [0, 2, 1]],
  ['an unknown label', labels, 'id,y\nr1,0\nr2,3\nr3,1\n', 'invalidValue@3'],
  ['a label between two', labels, 'id,y\nr1,0\nr2,1.5\nr3,1\n', 'invalidValue@3'],
  ['an empty label', labels, 'id,y\nr1,0\nr2,\nr3,1\n', 'invalidValue@3'],
  ['a label with comma and quotes', words, 'id,y\nr1,no\nr2,"yes, ""really"""\nr3,no\n', [0, 1, 0]],
  ['a label that is a number elsewhere', words, 'id,y\nr1,0\nr2,no\nr3,no\n', 'invalidValue@2'],
];

test.each(corpus)('corpus: %s', (_, shape, content, expected) => {
  for (const chunkBytes of [1, 7, 100_000]) expect(parse(shape, ids, content, chunkBytes)).toEqual(expected);
});

const classCorpus: [string, string, string | number[]][] = [
  ['a row for each', triple('0.1,0.1,0.8'), [0.2, 0.3, 0.5, 0.1, 0.1, 0.8]],
  ['permuted classes', 'dog,"emu, grey",id,cat\n0.3,0.5,a,0.2\n0.1,0.8,b,0.1\n', [0.2, 0.3, 0.5, 0.1, 0.1, 0.8]],
  ['sums off by rounding', triple('0.1,0.1,0.8009'), [0.2, 0.3, 0.5, 0.1, 0.1, 0.8009]],
  ['sums off by more', triple('0.1,0.1,0.802'), 'outOfRange@3'],
  ['all zero', triple('0,0,0'), 'outOfRange@3'],
  ['all one', triple('1,1,1'), 'outOfRange@3'],
  ['negative but summing to 1', triple('-0.1,0.3,0.8'), 'outOfRange@3'],
  ['a class missing', 'id,cat,dog\na,0.5,0.5\nb,0.5,0.5\n', 'wrongColumns@1'],
  ['a class too many', 'id,cat,dog,"emu, grey",eel\na,0.2,0.3,0.5,0\n', 'wrongColumns@1'],
  ['labels instead of probabilities', 'id,y\na,cat\nb,dog\n', 'wrongColumns@1'],
];

test.each(classCorpus)('class probabilities: %s', (_, content, expected) => {
  expect(parse(classes, classIds, content)).toEqual(expected);
});

test('the corpus has at least 60 cases', () => {
  expect(corpus.length + classCorpus.length).toBeGreaterThanOrEqual(60);
});

test('constant predictions are refused where the metric has no value for them', () => {
  const shape = { ...numbers, needsVariation: true, metric: 'pearson' };
  expect(parse(shape, ids, 'id,y\nr1,1\nr2,1\nr3,1\n')).toBe('invalidValue@0');
});

test('a file larger than it can need is refused before it is read whole', () => {
  const parser = createSubmissionParser(numbers, ids);
  const chunk = Buffer.from('id,y\n');
  let pushed = 0;
  while (parser.push(chunk) && pushed < 1e6) pushed += chunk.length;
  expect(pushed).toBeLessThanOrEqual(submissionLimit(numbers, 3));
  const many = createIdTable(Array.from({ length: 400 }, (_, index) => `row-${index}`));
  const oversized = createSubmissionParser(numbers, many);
  const long = `id,y\n${Array.from({ length: 400 }, (_, index) => `row-${index},0.${'1'.repeat(300)}\n`).join('')}`;
  oversized.push(Buffer.from(long));
  const result = oversized.finish();
  expect(!result.ok && result.error.kind).toBe('tooLarge');
});

test('a submission of texts, which is held until it is scored, has at most 64 MiB however many rows', () => {
  const text = { ...numbers, kind: 'text' as const, metric: 'map-at-5' };
  expect(submissionLimit(text, 10)).toBeLessThan(16 * 2 ** 20);
  expect(submissionLimit(text, 1_000_000)).toBe(64 * 2 ** 20);
});

test('a field of 60 MB ends the reading long before it was seen whole, whatever the kind', () => {
  const text = { ...numbers, kind: 'text' as const, metric: 'levenshtein' };
  const piece = Buffer.alloc(1_000_000, 'z');
  for (const shape of [numbers, labels, text]) {
    const parser = createSubmissionParser(shape, ids);
    let pieces = 0;
    for (let going = parser.push(Buffer.from('id,y\nr1,')); going && pieces < 60; pieces += 1)
      going = parser.push(piece);
    const result = parser.finish();
    expect(result.ok ? 'accepted' : result.error, shape.kind).toMatchObject({ kind: 'malformedCsv', line: 2 });
    expect(result.ok ? '' : result.error.message).toMatch(
      /^line 2 is longer than \d+ bytes, more than a row can need$/,
    );
    expect(pieces).toBeLessThan(5);
  }
});

test('a number of any double reads back as that double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (double) => {
      const bytes = Buffer.from(String(double));
      const read = parseDecimal(bytes, 0, bytes.length);
      expect(read === double).toBe(true);
    }),
  );
});

test('the number grammar accepts exactly what it says, and means what Number means', () => {
  const grammar = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789.eE+-'), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(...'019.e-x_ '), maxLength: 9 }),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (candidate) => {
      const bytes = Buffer.from(candidate);
      const read = parseDecimal(bytes, 0, bytes.length);
      const expected = grammar.test(candidate) ? Number(candidate) : Number.NaN;
      expect(Object.is(read, expected) || (!Number.isFinite(expected) && Number.isNaN(read))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('any well-formed submission is read in any order, quoting, line end and chunking', () => {
  const rows = fc.shuffledSubarray(['r1', 'r2', 'r3'], { minLength: 3, maxLength: 3 });
  const double = fc.double({ min: -1e50, max: 1e50, noNaN: true });
  fc.assert(
    fc.property(
      rows,
      fc.tuple(double, double, double),
      fc.boolean(),
      fc.boolean(),
      fc.nat(12),
      (order, values, quote, crlf, cut) => {
        const eol = crlf ? '\r\n' : '\n';
        const field = (text: string): string => (quote ? `"${text}"` : text);
        const byId = new Map(['r1', 'r2', 'r3'].map((id, index) => [id, values[index] ?? 0]));
        const lines = order.map((id) => `${field(id)},${field(String(byId.get(id)))}`);
        const read = parse(numbers, ids, ['id,y', ...lines].join(eol), cut + 1);
        expect(Array.isArray(read) && read.every((each, index) => each === values[index])).toBe(true);
      },
    ),
  );
});

test('no bytes whatsoever crash the parser or slip through as a submission', () => {
  const fragment = fc.oneof(
    fc.constantFrom('id,y\n', 'r1,1\n', 'r2,2\n', 'r3,3\n', '"', ',', '\r', '\n', '\0', 'NaN', '1e999', '\ufeff'),
    fc.string(),
  );
  const bytes = fc.oneof(
    fc.array(fragment, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  );
  fc.assert(
    fc.property(bytes, fc.nat(9), (content, cut) => {
      const read = parse(numbers, ids, content, cut + 1);
      expect(parse(numbers, ids, content, 1000)).toEqual(read);
      if (Array.isArray(read)) expect(content.toString().match(/^id,y\r?\n|^y,id\r?\n|^"/)).not.toBeNull();
    }),
    { numRuns: 1500 },
  );
});

test('a table of ids from JSON is that of the ids themselves, escapes included', () => {
  for (const ids of [[], ['r1', 'r22', 'é, "x"', 'a\\b', ''], Array.from({ length: 700 }, (_, row) => `r${row}`)]) {
    const table = idTableOfJson(Buffer.from(JSON.stringify(ids)));
    expect(table.size).toBe(ids.length);
    expect(ids.map((_, position) => table.idAt(position))).toEqual(ids);
    for (const [position, id] of ids.entries()) {
      const bytes = Buffer.from(id);
      expect(table.find(bytes, 0, bytes.length)).toBe(position);
    }
  }
});
