// The pages' scripts are JavaScript without a build step; their types are in comments and are held to as strictly as ours.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, 'public');

test('the scripts of the pages agree with their types', async () => {
  const compiler = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc');
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, '-p', join(folder, 'jsconfig.json')]);
  expect(stdout).toBe('');
});

test('text never becomes markup or code, and no file grows beyond what one reads', () => {
  const scripts = readdirSync(folder).filter((name) => name.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(15);
  for (const name of scripts) {
    const text = readFileSync(join(folder, name), 'utf8');
    expect(text, name).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc/,
    );
    expect(text.split('\n').length, name).toBeLessThanOrEqual(400);
  }
});
