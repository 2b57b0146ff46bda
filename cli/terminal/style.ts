// Colours, where the terminal and the user want them (NO_COLOR, TERM=dumb, pipes: none).

import type { Paint } from '../core/progress.ts';

export type Style = Paint;

const plain = (text: string): string => text;

/** Leaves every text as it is. */
export const noStyle: Style = { bold: plain, dim: plain, good: plain, bad: plain, warn: plain, accent: plain };

function sgr(open: number, close: number): (text: string) => string {
  return (text) => (text === '' ? '' : `\u001b[${open}m${text}\u001b[${close}m`);
}

const colours: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warn: sgr(33, 39),
  accent: sgr(36, 39),
};

export function styleFor(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Style {
  const forced = env['FORCE_COLOR'];
  if (env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '') return noStyle;
  if (forced !== undefined && forced !== '' && forced !== '0') return colours;
  return isTerminal && env['TERM'] !== 'dumb' ? colours : noStyle;
}
