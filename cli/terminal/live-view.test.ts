import { expect, test } from 'vitest';
import { startLiveView } from './live-view.ts';
import { streamOutput } from './stream-output.ts';
import { styleFor } from './style.ts';
import { shortenStyled } from './styled-text.ts';

function screen(rows: number): { written: string; write(text: string): void; columns: number; rows: number } {
  return {
    written: '',
    write(text) {
      this.written += text;
    },
    columns: 40,
    rows,
  };
}

test('lines that stay go above the frame, and nothing of the frame is left at the end', () => {
  const to = screen(24);
  const view = startLiveView(to, () => ['one', 'two']);
  view.print('done');
  view.stop();
  expect(to.written).toBe(
    '\u001b[?25lone\ntwo\n' + '\u001b[2A\r\u001b[Jdone\none\ntwo\n' + '\u001b[2A\r\u001b[J\u001b[?25h',
  );
});

test('the frame is never higher than the window, nor a line wider', () => {
  const to = screen(4);
  const view = startLiveView(to, () => ['x'.repeat(100), 'two', 'three']);
  view.stop();
  const lines = to.written.split('\n');
  expect(lines.length).toBe(3);
  expect(lines[0]).toBe(`\u001b[?25l${'x'.repeat(38)}…`);
});

test('a window that does not tell its size is taken for a usual one, and one that changes is looked at anew', () => {
  const stream = { write: () => true, isTTY: true, columns: 0, rows: 0 };
  const output = streamOutput(stream, {});
  expect([output.columns, output.rows]).toEqual([100, 24]);
  Object.assign(stream, { columns: 80, rows: 50 });
  expect([output.columns, output.rows]).toEqual([80, 50]);
  const pipe = streamOutput({ write: () => true }, {});
  expect([pipe.columns, pipe.rows, pipe.isTerminal]).toEqual([100, 24, false]);
});

test('colours are cut by what is seen and always end', () => {
  expect(shortenStyled('\u001b[31mabcdef\u001b[39m', 4)).toBe('\u001b[31mabc…\u001b[39m');
  expect(shortenStyled('\u001b[31mabc\u001b[39m', 3)).toBe('\u001b[31mabc\u001b[39m');
});

test('there are colours on a terminal only, and none where NO_COLOR or a dumb terminal says so', () => {
  const colours = (isTerminal: boolean, env: Record<string, string>): boolean =>
    styleFor(isTerminal, env).bad('x') !== 'x';
  expect(colours(true, {})).toBe(true);
  expect(colours(false, {})).toBe(false);
  expect(colours(true, { NO_COLOR: '1' })).toBe(false);
  expect(colours(true, { TERM: 'dumb' })).toBe(false);
  expect(colours(false, { FORCE_COLOR: '1' })).toBe(true);
  expect(colours(false, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
});
