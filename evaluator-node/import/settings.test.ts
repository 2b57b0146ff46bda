import { expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const task = (image: string): string => `name: t\nmetric: rmse\ntarget: y\nimage: ${image}\n`;

test('a task may name the image of its sandboxes by digest, and by nothing else', () => {
  const image = `sha256:${'a'.repeat(64)}`;
  expect(readSettings(task(image))).toMatchObject({ ok: true, value: { image } });
  for (const other of [
    'doubleblind/sandbox-cuda',
    'doubleblind/sandbox-cuda:latest',
    `sha256:${'a'.repeat(63)}`,
    'sha256:',
  ]) {
    const refused = readSettings(task(JSON.stringify(other)));
    expect(refused.ok).toBe(false);
    expect(JSON.stringify(refused)).toContain('expected sha256:');
  }
});
