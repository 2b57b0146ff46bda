import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sampleCandidate, sampleReport } from '../testing/sample-run.ts';
import { reportMarkdown } from './markdown.ts';
import { escapeText, html } from './markup.ts';
import { mleBenchReport } from './mle-bench.ts';
import { reportPage } from './page.ts';
import { highlightPython } from './python-highlight.ts';
import { robustRange, ticks, timeTicks } from './scale.ts';
import { slotLanes } from './slot-chart.ts';

const hostile = `</title></style></pre></svg><script>alert(1)</script><img src=x onerror="alert(2)">'"\`onload=alert(3) &lt;b&gt; [x](javascript:alert(4)) \u202e \u0000`;

test('hostile names, notes, messages and programs stay text', () => {
  const page = reportPage(sampleReport({ candidates: 40, hostile }));
  expect(page).not.toMatch(/<script|<img|<\/title><\/style>/i);
  expect(page.match(/<\/style>/g)?.length).toBe(1);
  expect(page.match(/<\/body>/g)?.length).toBe(1);
  // Every tag that there is comes from our templates: no attribute that could run anything.
  for (const tag of page.match(/<[a-z][^>]*>/gi) ?? [])
    expect(tag).not.toMatch(/\son[a-z]+\s*=(?=[^"]*(?:"[^"]*"[^"]*)*>)/i);
  expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
});

test('what a refit handed in has no score here, and every report tells of it', () => {
  const { run, candidates } = sampleReport({ candidates: 20 });
  if (run.verdict === null) throw new Error('the sample is sealed');
  const note = 'the final submission is by the winner refitted on all labelled rows';
  const told = { ...run, verdict: { ...run.verdict, ensemble: null, notes: [note] } };
  const request = {
    competitionId: 'x',
    submissionPath: 'submission.csv',
    createdAt: '2026-01-01T00:00:00Z',
    run: told,
  };
  const before = mleBenchReport({ ...request, candidates });
  expect(before).toMatchObject({ score: expect.any(Number), notes: [expect.anything(), `T${note.slice(1)}.`] });
  const [first] = candidates;
  if (first === undefined) throw new Error('no candidate');
  const refit = { ...first, candidateId: 'refit', operator: 'refit' as const, state: 'refitted' as const };
  const after = mleBenchReport({ ...request, candidates: [...candidates, refit] });
  expect(after).toMatchObject({ score: null, valid_submission: true, submission_exists: true });
  expect(after.notes.join(' ')).toMatch(/refitted programs, which nobody scored; .*left to `mlebench grade`/);
});

test('how the labels were hidden is told as it was: after a refit those of search and validation rows are out', () => {
  const data = sampleReport({ candidates: 20 });
  const { taskInfo } = data.run;
  const [first] = data.candidates;
  if (taskInfo === null || first === undefined) throw new Error('the sample has a task and candidates');
  const refit = { ...first, candidateId: 'refit', operator: 'refit' as const, state: 'refitted' as const };
  const asked = { ...data, run: { ...data.run, taskInfo: { ...taskInfo, refit: true } } };
  const unasked = { ...data, run: { ...data.run, taskInfo: { ...taskInfo, refit: false } } };
  for (const form of [reportMarkdown, reportPage]) {
    const after = form({ ...asked, candidates: [...data.candidates, refit] });
    expect(after).toContain('left the evaluator for the refit');
    expect(after).toContain('refitBundleSent');
    expect(after).not.toMatch(/keeps every label/);
    const open = form({ ...asked, run: { ...asked.run, state: 'running', verdict: null } });
    expect(open).toContain('This run has had none yet.');
    expect(form(asked)).toContain('No refit of this run is known.');
    expect(form(unasked)).toContain('keeps every label of the search, validation and test rows to itself');
    expect(form(unasked)).not.toMatch(/refit/);
  }
});

test('what the search score would have chosen is compared with the winner on the same rows, not with the corrected result', () => {
  const data = sampleReport({ candidates: 20 });
  const { verdict } = data.run;
  const other = verdict?.finalists.find(({ candidateId }) => candidateId !== verdict.winnerId);
  if (verdict === null || other === undefined) throw new Error('the sample has finalists');
  const finalists = verdict.finalists.map((row) =>
    row.candidateId === verdict.winnerId ? { ...row, validationScore: 0.125 } : row,
  );
  const chosen = { searchWinnerId: other.candidateId, searchWinnerValidationScore: 0.25, finalScore: 0.5 };
  const text = reportMarkdown({ ...data, run: { ...data.run, verdict: { ...verdict, ...chosen, finalists } } });
  expect(text).toContain('which scores 0.2500 on the validation rows, the winner 0.1250.');
});

test('what has no score is said to have none, and does not make the result worthless', () => {
  const data = sampleReport({ candidates: 20 });
  const { verdict } = data.run;
  if (verdict === null) throw new Error('the sample is sealed');
  const none = { baselineValidationScore: Number.NaN, baselineSearchScore: Number.NaN, baselineName: 'mean' };
  const graded = { ...none, intervalLow: Number.NaN, intervalHigh: Number.NaN };
  for (const figures of [none, graded]) {
    const told = { ...data, run: { ...data.run, verdict: { ...verdict, ...figures } } };
    for (const text of [reportMarkdown(told), reportPage(told)]) {
      expect(text).toContain('The metric gives the trivial baseline (mean) no score.');
      expect(text).not.toMatch(/NaN|no better than that/);
    }
  }
});

test('a candidate that repeats another is shown as such wherever candidates are listed', () => {
  const data = sampleReport({ candidates: 20 });
  const scored = data.candidates.filter(({ state }) => state === 'scored');
  const [first] = scored;
  if (first === undefined) throw new Error('the sample has scores');
  const repeats = (candidate: (typeof scored)[number]) => ({
    ...candidate,
    searchScore: first.searchScore,
    duplicateOf: first.candidateId,
  });
  const told = { ...data, candidates: data.candidates.map((one) => (one.state === 'scored' ? repeats(one) : one)) };
  const words = `repeats #${first.number}`;
  expect(reportMarkdown(told)).toContain(words);
  const page = reportPage(told);
  expect(page).toContain(words);
  // Equal scores are equally green.
  const shades = new Set([...page.matchAll(/class="node [^"]*?(shade\d)/g)].map(([, shade]) => shade));
  expect(shades).toEqual(new Set(['shade4']));
});

test('the page loads nothing: no address, no script, a policy that forbids both', () => {
  const page = reportPage(sampleReport({ candidates: 20 }));
  expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  expect(page).not.toMatch(/<(script|link|iframe|object|embed|base)\b|@import|url\(/i);
  expect(page).not.toMatch(/\b(src|href)=/i);
});

test('it says who won, how sure that is, what the baseline does, and that no language model took part', () => {
  const data = sampleReport({ candidates: 40 });
  for (const text of [reportPage(data), reportMarkdown(data)]) {
    expect(text).toContain('95 % interval');
    expect(text).toContain('class frequencies of the training labels');
    expect(text).toContain('No language model took part');
    expect(text).toContain('c'.repeat(64));
    expect(text).toContain('RBF support vector machine');
  }
  expect(reportPage({ ...data, models: ['some-model'] })).not.toContain('No language model took part');
});

test('both forms have every part: verdict, curve, tree, program, lessons, cost, how it was hidden, the head of the ledger', () => {
  const data = sampleReport({ candidates: 40 });
  const [page, text] = [reportPage(data), reportMarkdown(data)];
  const parts = [
    'Verdict',
    'The search',
    'Lineage',
    "The winner's program",
    'What was tried and what it taught',
    'What it took',
  ];
  for (const part of [...parts, 'How the evaluation was kept hidden']) {
    expect(page).toContain(`<h2>${part}</h2>`);
    expect(text).toMatch(new RegExp(`^##+ ${part}$`, 'm'));
  }
  expect(page.match(/<svg/g)?.length).toBeGreaterThanOrEqual(4);
  // Where the page has a curve, Markdown has its steps.
  const steps = text.split('### The best so far\n')[1]?.split('###')[0] ?? '';
  expect(steps.match(/^\|.* #\d+ /gm)?.length).toBeGreaterThan(1);
  for (const form of [page, text]) expect(form).toContain(data.run.verdict?.ledgerHead);
});

test('a run without candidates, without verdict or without winner makes a page as well', () => {
  const empty = sampleReport({ candidates: 0 });
  expect(reportPage(empty)).toContain('Nobody won');
  expect(reportMarkdown(empty)).toContain('Nobody won');
  const open = sampleReport({ candidates: 12, sealed: false });
  expect(reportPage(open)).toContain('No verdict yet');
  expect(reportPage(open)).not.toContain('NaN');
});

test('Markdown from others is inert', () => {
  const text = reportMarkdown(
    sampleReport({ candidates: 40, hostile: '|`` ``` <script>alert(1)</script> ![x](http://y)' }),
  );
  const outside = text.replace(/^(`{3,})[\s\S]*?^\1$/gm, '');
  expect(outside).not.toMatch(/(?<!\\)<script/);
  expect(outside).not.toMatch(/(?<!\\)!\\?\[x/);
});

test('escaping leaves no character that could end a text or an attribute', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(escapeText(text)).not.toMatch(/[<>"'`]/);
    }),
  );
  expect(html`<i title="${'"><b>'}">${['x'].map((name) => html`<b>${name}</b>`)}</i>`.markup).toBe(
    '<i title="&quot;&gt;&lt;b&gt;"><b>x</b></i>',
  );
});

test('highlighting changes the colours of a program and not one character', () => {
  const strip = (source: string): string =>
    highlightPython(source)
      .map((part) => part.markup)
      .join('')
      .replace(/<\/?span[^>]*>/g, '');
  fc.assert(
    fc.property(fc.string(), (source) => {
      expect(strip(source)).toBe(escapeText(source));
    }),
  );
  expect(html`${highlightPython('def f(x): # y\n  return "a"')}`.markup).toBe(
    '<span class="k">def</span> f(x): <span class="c"># y</span>\n  <span class="k">return</span> <span class="s">&quot;a&quot;</span>',
  );
});

test('axes have round values inside their range', () => {
  expect(ticks(0.11, 0.58, 5)).toEqual([0.2, 0.3, 0.4, 0.5]);
  expect(timeTicks(170, 8)).toEqual([0, 30, 60, 90, 120, 150]);
  expect(ticks(1, 1, 5)).toEqual([1]);
});

test('one broken candidate does not flatten the others', () => {
  const [low, high] = robustRange([0.1, 0.12, 0.15, 0.11, 0.13, 50], [], true);
  expect(high).toBeLessThan(1);
  expect(low).toBeGreaterThan(0);
  expect(robustRange([], [], true)).toEqual([0, 1]);
});

test('attempts that share a slot at a time get lanes of their own', () => {
  const { run, candidates } = sampleReport({ candidates: 40 });
  expect(slotLanes(run, candidates).map((slot) => slot.lanes)).toEqual([1, 1, 1, 1]);
  const same = candidates.map((candidate) => ({ ...candidate, slotId: 'cpu-0' }));
  expect(slotLanes(run, same)[0]?.lanes).toBe(4);
});

test('ten thousand candidates make a page that can be opened', () => {
  const data = sampleReport({ candidates: 200 });
  const candidates = Array.from({ length: 50 }, (_, copy) =>
    data.candidates.map((candidate) => ({
      ...candidate,
      candidateId: `${candidate.candidateId}-${copy}`,
      number: candidate.number + copy * 200,
      parentIds: candidate.parentIds.map((id) => `${id}-${copy}`),
    })),
  ).flat();
  const page = reportPage({ ...data, candidates });
  expect(page.length).toBeLessThan(4_000_000);
  expect(reportPage(data)).not.toContain('The chart shows');
});

test('of a run with more scores than the chart has marks, the best ones are shown, however late they came', () => {
  const data = sampleReport({ candidates: 20 });
  const candidates = Array.from({ length: 3100 }, (_, index) =>
    sampleCandidate({
      candidateId: `c-${index}`,
      number: index + 1,
      searchScore: 1 - index / 10_000,
      endedAt: new Date(Date.parse('2026-03-01T09:00:00Z') + index * 1000).toISOString(),
    }),
  );
  const page = reportPage({ ...data, candidates });
  const marks = [...page.matchAll(/class="dot [^>]*><title>#(\d+) /g)].map(([, number]) => Number(number));
  expect(marks).toHaveLength(3000);
  expect(marks).toContain(3100);
  expect(Math.min(...marks)).toBe(101);
  expect(page).toContain('The chart shows the best 3000 of 3100 scores.');
});
