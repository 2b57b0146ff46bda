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

// biome-ignore lint/suspicious/noControlCharactersInRegex: what moves a cursor begins with a control character
const codeOrCharacter = /\u001b\[([?0-9]*[a-zA-Z])|./gsu;

/** As much of a terminal as the view needs: which rows have something on them, with two cells for a wide character. */
function gridOf(columns: number) {
  const used = new Set<number>();
  let [row, column, wraps] = [0, 0, true];
  const put = (character: string): void => {
    const cells = /\p{Script=Han}|\p{Emoji_Presentation}/u.test(character) ? 2 : 1;
    if (column + cells > columns && wraps) [row, column] = [row + 1, 0];
    column = Math.min(columns, column + cells);
    used.add(row);
  };
  const obey = (code: string): void => {
    if (code.startsWith('?7')) wraps = code.endsWith('h');
    else if (code.endsWith('A')) row -= Number.parseInt(code, 10);
    else if (code === 'J') for (const each of used) if (each >= row) used.delete(each);
  };
  return {
    columns,
    rows: 24,
    rowsUsed: () => used.size,
    wraps: () => wraps,
    write(text: string) {
      for (const [part, code] of text.matchAll(codeOrCharacter)) {
        if (code !== undefined) obey(code);
        else if (part === '\n') [row, column] = [row + 1, 0];
        else if (part === '\r') column = 0;
        else put(part);
      }
    },
  };
}

test('lines that stay go above the frame, and nothing of the frame is left at the end', () => {
  const to = screen(24);
  const view = startLiveView(to, () => ['one', 'two']);
  view.print('done');
  view.stop();
  expect(to.written).toBe(
    '\u001b[?25l\u001b[?7lone\ntwo\n\u001b[?7h' +
      '\u001b[2A\r\u001b[Jdone\n\u001b[?7lone\ntwo\n\u001b[?7h' +
      '\u001b[2A\r\u001b[J\u001b[?7h\u001b[?25h',
  );
});

test('the frame is never higher than the window, nor a line wider', () => {
  const to = screen(4);
  const view = startLiveView(to, () => ['x'.repeat(100), 'two', 'three']);
  view.stop();
  const lines = to.written.split('\n');
  expect(lines.length).toBe(3);
  expect(lines[0]).toBe(`\u001b[?25l\u001b[?7l${'x'.repeat(38)}…`);
});

test('a frame of wide characters is erased as high as it was drawn, in however narrow a window', () => {
  for (const columns of [40, 7]) {
    const to = gridOf(columns);
    const view = startLiveView(to, () => ['特征工程'.repeat(12), '🧪'.repeat(35), 'x'.repeat(90)]);
    view.redraw();
    view.print('done');
    view.redraw();
    expect(to.rowsUsed()).toBe(4);
    view.stop();
    expect(to.rowsUsed()).toBe(1);
    expect(to.wraps()).toBe(true);
  }
});

test('on a terminal that calls itself dumb nothing is drawn again', () => {
  const stream = { write: () => true, isTTY: true };
  expect(streamOutput(stream, { TERM: 'xterm' }).canRedraw).toBe(true);
  expect(streamOutput(stream, { TERM: 'dumb' })).toMatchObject({ canRedraw: false, isTerminal: true });
  expect(streamOutput({ write: () => true }, { TERM: 'xterm' }).canRedraw).toBe(false);
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
