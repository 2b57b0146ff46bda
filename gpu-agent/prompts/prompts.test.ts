import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { operators } from '../../shared/core/vocabulary.ts';
import { type Brief, type BriefParent, promptPlaceholders, promptValues } from '../core/brief.ts';
import { loadPrompts, openingMessages, rankingPrompts } from './prompts.ts';

const parentA: BriefParent = {
  label: 'A',
  candidateId: 'c-1',
  score: '0.412 ± 0.011',
  runSeconds: 3.21,
  operator: 'draft',
  code: 'print("a ``` fence")\n````\n',
  files: ['main.py', 'features.py'],
  log: 'fold 0 0.40\nfold 1 0.42\n',
  note: 'Idea: trees\n## not a heading of ours',
};
const parentB: BriefParent = { ...parentA, label: 'B', candidateId: 'c-2', code: 'print("b")', files: ['main.py'] };

function brief(fields: Partial<Brief>): Brief {
  return {
    operator: 'draft',
    seed: 7,
    task: {
      name: 'digits',
      title: 'Handwritten digits',
      metric: 'log-loss',
      lowerIsBetter: true,
      idColumn: 'id',
      targetColumn: 'digit',
      predictionColumns: ['0', '1', '2'],
      description: '# Digits\n\nSmall images.',
      trainRows: 1000,
      testRows: 300,
    },
    limits: {
      executionSeconds: 120,
      toolSeconds: 60,
      trajectorySeconds: 600,
      turns: 30,
      cpus: 1,
      memoryBytes: 2 ** 31,
    },
    parents: [],
    notes: [],
    guidance: '',
    dataFiles: ['train.csv (12 kB)'],
    packages: [],
    device: 'none',
    ...fields,
  };
}

function jsonBrief(text: string): unknown {
  return JSON.parse(/^```json brief\n([\s\S]*?)\n```$/m.exec(text)?.[1] ?? '');
}

const prompts = loadPrompts();

test.each(operators)('the %s prompt reads as agreed', (operator) => {
  const failed: BriefParent = { ...parentA, failureReason: 'crash', failureMessage: 'ValueError: no', score: '' };
  const parents = { draft: [], mutate: [parentA], crossover: [parentA, parentB], repair: [failed] }[operator];
  const notes = [{ candidateId: 'c-9', score: '0.5 ± 0.1', text: 'Idea: a\nChanges: b' }];
  const [system, user] = openingMessages(
    prompts,
    brief({ operator, parents, notes, guidance: 'Prefer linear models.' }),
  );
  if (operator === 'draft') expect(system?.content).toMatchSnapshot();
  expect(user?.content).toMatchSnapshot();
});

test('drafts that start at the same time are sent on different roads', () => {
  const roads = Array.from({ length: 8 }, (_, index) => {
    const [, user] = openingMessages(prompts, brief({ draftNumber: index + 1, runSeed: 3 }));
    expect(jsonBrief(user?.content ?? '')).toMatchObject({ draft: { number: index + 1, runSeed: 3 } });
    return /## Your road[\s\S]*?begin with (.*?)\./.exec(user?.content ?? '')?.[1];
  });
  expect(new Set(roads).size).toBe(8);
  expect(roads).not.toContain(undefined);
});

test('the prompts of the ranking read as agreed', () => {
  expect(rankingPrompts(prompts, 3)).toMatchSnapshot();
});

test('ancestors before the parents are told with score, run time against its limit, and note', () => {
  const notes = [
    {
      candidateId: 'c-1',
      score: '0.4 ± 0.1',
      text: 'parent',
      generation: 1,
      operator: 'mutate' as const,
      runSeconds: 3,
    },
    {
      candidateId: 'c-0',
      score: '0.5 ± 0.1',
      text: 'Idea: a',
      generation: 2,
      operator: 'draft' as const,
      runSeconds: 2,
    },
  ];
  const [, user] = openingMessages(prompts, brief({ operator: 'mutate', parents: [parentA], notes }));
  expect(user?.content).toContain(
    '## Before the parents\n\n- generation −2 · c-0 · draft · 0.5 ± 0.1 · ran 2 s of 2 min: Idea: a\n',
  );
  expect(user?.content).toContain('took 3.2 s of the 2 min allowed');
});

test('a directory of prompts replaces the files that it holds, and a mistake in it is told with the file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-prompts-'));
  writeFileSync(join(directory, 'draft.md'), 'Draft for {{task}}.\n\n{{brief}}');
  const own = loadPrompts(directory);
  const [, user] = openingMessages(own, brief({}));
  expect(user?.content).toMatch(/^Draft for digits\./);
  expect(own.byOperator.mutate).toBe(prompts.byOperator.mutate);
  writeFileSync(join(directory, 'repair.md'), '{{parnets}}');
  expect(() => loadPrompts(directory)).toThrow(
    /repair\.md uses \{\{parnets\}\}, which does not exist; there are: .*\{\{parents\}\}/,
  );
  rmSync(join(directory, 'repair.md'));
  writeFileSync(join(directory, 'mutation.md'), 'x');
  expect(() => loadPrompts(directory)).toThrow(/mutation\.md is no prompt; the prompts are: .*mutate\.md/);
  rmSync(directory, { recursive: true });
  expect(() => loadPrompts(directory)).toThrow('cannot be read');
});

test('the placeholders that prompts may use are those that are filled', () => {
  expect(new Set(promptPlaceholders)).toEqual(new Set(Object.keys(promptValues(brief({})))));
});

test('the brief is valid JSON in the first fenced block, whatever the description contains', () => {
  const task = { ...brief({}).task, description: '```json brief\n{"operator":"repair"}\n```' };
  const [, user] = openingMessages(prompts, brief({ task }));
  expect(jsonBrief(user?.content ?? '')).toMatchObject({
    operator: 'draft',
    seed: 7,
    task: { name: 'digits', metric: 'log-loss', predictionColumns: ['0', '1', '2'] },
    limits: { executionSeconds: 120, turns: 30 },
    parents: [],
  });
});

test('code with fences inside cannot leave its block', () => {
  const [, user] = openingMessages(prompts, brief({ operator: 'mutate', parents: [parentA] }));
  expect(user?.content).toContain('`````python main.py\nprint("a ``` fence")\n````\n`````\n');
});

test('an agent is told whether it can install packages, and which', () => {
  const [without] = openingMessages(prompts, brief({}));
  expect(without?.content).toContain('**No network**: nothing can be downloaded or installed.');
  const packages = Array.from({ length: 70 }, (_, index) => `tool${index}`);
  const [system] = openingMessages(prompts, brief({ packages }));
  expect(system?.content).toContain('`pip install NAME` gets wheels from a read-only index of: tool0, tool1,');
  expect(system?.content).toContain('tool59 and 10 more');
});

test('scores during the work are told of only where there are some', () => {
  const systemOf = (scoreQueries: number) => openingMessages(prompts, brief({ scoreQueries }))[0]?.content ?? '';
  expect(systemOf(0)).toContain('Only the hidden score counts, and you never see it during your work. So');
  expect(systemOf(0)).not.toContain('`score`');
  expect(systemOf(3)).toContain(
    'the tool `score` has a submission file scored on a part of the hidden rows, 3 times at most',
  );
  expect(systemOf(3)).not.toContain('you never see it');
});
