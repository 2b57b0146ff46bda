// A table of any length: only the rows in sight are in the document. Rows are chosen with j and k, opened with Enter.

import { fill, h } from './dom.js';

const rowHeight = 28;
/** Rows beyond the edge, so that scrolling shows no gap. */
const margin = 12;

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [class]
 * @property {(row: Row) => import('./dom.js').Child} cell
 * @property {(row: Row) => number | string | undefined} [sort] the table can be sorted by it
 * @property {boolean} [descending] sorted so at the first click
 */

/**
 * @template Row
 * @typedef {object} Options
 * @property {string} label
 * @property {Column<Row>[]} columns
 * @property {(row: Row) => string} keyOf
 * @property {(row: Row) => void} open
 * @property {(row: Row | undefined) => void} [select]
 * @property {(row: Row) => string} [classOf]
 * @property {string} [empty] what stands there where there are no rows
 * @property {number} [sortBy] column
 */

/** @template Row */
export class WindowTable {
  /** @param {Options<Row>} options */
  constructor(options) {
    this.options = options;
    /** @type {readonly Row[]} */
    this.rows = [];
    /** In the order that is shown. @type {Row[]} */
    this.shown = [];
    this.sortBy = options.sortBy;
    this.descending = options.sortBy !== undefined && options.columns[options.sortBy].descending === true;
    /** @type {string | undefined} */
    this.selected = undefined;
    this.head = h('tr');
    this.body = h('tbody');
    this.note = h('div', { class: 'empty small' });
    const table = h('table', {}, h('thead', {}, this.head), this.body);
    this.element = h('div', { class: 'window-table', tabindex: 0, 'aria-label': options.label }, table, this.note);
    this.element.addEventListener('scroll', () => requestAnimationFrame(() => this.draw()), { passive: true });
    this.body.addEventListener('click', (event) => this.click(event));
    this.body.addEventListener('dblclick', (event) => this.openRow(this.rowOf(event)));
    new ResizeObserver(() => this.draw()).observe(this.element);
    /** @type {Record<string, [string, () => void]>} */
    this.keys = {
      j: ['next row', () => this.move(1)],
      k: ['row before', () => this.move(-1)],
      Enter: ['open the row', () => this.openRow(this.shown.find((row) => options.keyOf(row) === this.selected))],
    };
    this.drawHead();
  }

  /** @param {readonly Row[]} rows */
  setRows(rows) {
    this.rows = rows;
    const value = this.sortBy === undefined ? undefined : this.options.columns[this.sortBy].sort;
    this.shown = value === undefined ? [...rows] : sorted(rows, value, this.descending);
    this.element.setAttribute('aria-rowcount', String(this.shown.length));
    this.draw();
  }

  drawHead() {
    const cells = this.options.columns.map((column, index) => {
      const here = this.sortBy === index;
      const direction = this.descending ? 'descending' : 'ascending';
      const mark = here ? (this.descending ? ' ↓' : ' ↑') : '';
      const title =
        column.sort === undefined
          ? column.title
          : h('button', { onclick: () => this.sortOn(index) }, column.title, mark);
      return h('th', { class: column.class, 'aria-sort': here ? direction : undefined }, title);
    });
    fill(this.head, cells);
  }

  /** @param {number} index of the column */
  sortOn(index) {
    this.descending = this.sortBy === index ? !this.descending : this.options.columns[index].descending === true;
    this.sortBy = index;
    this.drawHead();
    this.setRows(this.rows);
  }

  draw() {
    const { scrollTop, clientHeight } = this.element;
    const { columns, keyOf, classOf, empty = '' } = this.options;
    const first = Math.max(0, Math.floor(scrollTop / rowHeight) - margin);
    const last = Math.min(this.shown.length, Math.ceil((scrollTop + clientHeight) / rowHeight) + margin);
    const lines = this.shown.slice(first, last).map((row) => {
      const key = keyOf(row);
      const about = {
        class: classOf?.(row),
        'aria-selected': key === this.selected ? 'true' : 'false',
        'data-key': key,
      };
      const cells = columns.map((column) => h('td', { class: column.class }, column.cell(row)));
      return h('tr', about, cells);
    });
    fill(this.body, spacer(first), lines, spacer(this.shown.length - last));
    this.note.textContent = this.shown.length === 0 ? empty : '';
  }

  /** @param {Row | undefined} row */
  choose(row) {
    this.selected = row === undefined ? undefined : this.options.keyOf(row);
    this.options.select?.(row);
    this.draw();
  }

  /** @param {number} by how many rows */
  move(by) {
    if (this.shown.length === 0) return;
    const at = this.shown.findIndex((row) => this.options.keyOf(row) === this.selected);
    const next = at < 0 ? 0 : Math.min(this.shown.length - 1, Math.max(0, at + by));
    const top = next * rowHeight;
    const room = this.element.clientHeight - 2 * rowHeight;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top > this.element.scrollTop + room) this.element.scrollTop = top - room;
    this.choose(this.shown[next]);
  }

  /** A first click chooses, a second one opens. @param {MouseEvent} event */
  click(event) {
    const row = this.rowOf(event);
    if (row === undefined || /** @type {Element} */ (event.target).closest('a, button') !== null) return;
    if (this.options.keyOf(row) === this.selected) this.openRow(row);
    else this.choose(row);
  }

  /** @param {MouseEvent} event */
  rowOf(event) {
    const key = /** @type {Element} */ (event.target).closest('tr')?.dataset['key'];
    return this.shown.find((row) => this.options.keyOf(row) === key);
  }

  /** @param {Row | undefined} row */
  openRow(row) {
    if (row !== undefined) this.options.open(row);
  }
}

/** @param {number} count of rows that are not in the document */
function spacer(count) {
  const row = h('tr', { class: 'spacer', 'aria-hidden': 'true' }, h('td'));
  row.style.height = `${count * rowHeight}px`;
  return row;
}

/**
 * Rows without a value come last, whichever way it is sorted.
 * @template Row
 * @param {readonly Row[]} rows
 * @param {(row: Row) => number | string | undefined} value
 * @param {boolean} descending
 */
function sorted(rows, value, descending) {
  const sign = descending ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: value(row) }));
  keyed.sort((left, right) => {
    if (left.key === undefined || right.key === undefined)
      return Number(left.key === undefined) - Number(right.key === undefined);
    return left.key < right.key ? -sign : left.key > right.key ? sign : 0;
  });
  return keyed.map(({ row }) => row);
}
