// Tables without lines, as kubectl and docker print them. The only user of cli-table3.

import CliTable from 'cli-table3';
import type { Output } from '../context.ts';
import { oneLine, shorten } from '../core/text.ts';
import type { Style } from './style.ts';
import { shortenStyled } from './styled-text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Right for numbers. */
  readonly align?: 'left' | 'right';
  /** Longer values are cut on a terminal; undefined keeps them whole. */
  readonly width?: number;
  /** Colours a cell after it was cut. */
  readonly paint?: (row: Row, text: string) => string;
}

const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Where a table is shown. */
export type Screen = Pick<Output, 'style' | 'columns' | 'isTerminal'>;

/**
 * Rows below a header, without a final line feed. Cells are made harmless: what others wrote cannot steer the terminal. On a terminal
 * no row is longer than its window; whatever else reads it gets everything.
 */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[], screen: Screen): string {
  const { style, isTerminal } = screen;
  const table = new CliTable({
    chars: noLines,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: columns.map((column) => column.align ?? 'left'),
    head: columns.map((column) => style.dim(column.title)),
  });
  for (const row of rows) {
    table.push(
      columns.map((column) => {
        const text = oneLine(column.value(row));
        const cell = column.width === undefined || !isTerminal ? text : shorten(text, column.width);
        return column.paint === undefined ? cell : column.paint(row, cell);
      }),
    );
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .map((line) => (isTerminal ? shortenStyled(line, screen.columns) : line))
    .join('\n');
}

/** Names and values below each other, the values in one column. */
export function renderFields(fields: readonly (readonly [string, string])[], style: Style): string {
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${style.dim(name.padEnd(width))}  ${value}`.trimEnd()).join('\n');
}
