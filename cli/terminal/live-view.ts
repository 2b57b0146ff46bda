// A few lines at the bottom of the terminal that are drawn again and again; finished lines go above them and stay.
// Owns: cursor movement and the redraw timer. Leaves to the caller: what the lines say.
// Invariants: 1. It never draws more lines than the window has. 2. A line of the frame takes one row, however wide the terminal finds
// its characters. 3. After `stop` the cursor stands below what was printed. 4. Between two writes lines wrap as ever.

import { shortenStyled } from './styled-text.ts';

export interface LiveScreen {
  write(text: string): void;
  readonly columns: number;
  readonly rows: number;
}

export interface LiveView {
  /** Prints lines that stay. */
  print(text: string): void;
  /** Draws the frame again now. */
  redraw(): void;
  /** Erases the frame and stops drawing. */
  stop(): void;
}

/** Four times a second: often enough for a clock, seldom enough for ssh. */
const redrawMs = 250;
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const wrapOff = '\u001b[?7l';
const wrapOn = '\u001b[?7h';

/** For a process that ends without `stop`. */
export const restoreTerminal = `${wrapOn}${showCursor}`;

/**
 * Lines that go on one row each: how many cells a character takes is known to the terminal alone, so what is too wide must be cut by it.
 */
export function unwrapped(lines: string): string {
  return lines === '' ? '' : `${wrapOff}${lines}${wrapOn}`;
}

export function startLiveView(screen: LiveScreen, frame: () => readonly string[]): LiveView {
  let drawn = 0;
  const erase = (): string => (drawn === 0 ? '' : `\u001b[${drawn}A\r\u001b[J`);
  const draw = (above: string): void => {
    const limit = Math.max(1, screen.rows - 2);
    const lines = frame()
      .slice(0, limit)
      .map((line) => shortenStyled(line, Math.max(20, screen.columns - 1)));
    const below = lines.map((line) => `${line}\n`).join('');
    screen.write(`${erase()}${above}${unwrapped(below)}`);
    drawn = lines.length;
  };
  screen.write(hideCursor);
  const timer = setInterval(() => draw(''), redrawMs);
  draw('');
  return {
    print: (text) => draw(text.endsWith('\n') ? text : `${text}\n`),
    redraw: () => draw(''),
    stop: () => {
      clearInterval(timer);
      screen.write(`${erase()}${restoreTerminal}`);
      drawn = 0;
    },
  };
}
