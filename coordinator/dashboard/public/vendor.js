// The libraries, which the server takes from node_modules. The one door to them.

// @ts-expect-error only the server knows this address
import { stratify as stratifyRows, tree as tidyTree } from '/vendor/d3-hierarchy.js';
// @ts-expect-error only the server knows this address
import { diffLines as linesOf } from '/vendor/diff/diff/line.js';
// @ts-expect-error only the server knows this address
import Plot from '/vendor/uplot.js';

/** @type {any} */
export const uPlot = Plot;
/** @type {any} */
export const stratify = stratifyRows;
/** @type {any} */
export const tree = tidyTree;
/** Undefined where it took too long. @type {(before: string, after: string, options: { timeout: number }) => { value: string, added?: boolean, removed?: boolean }[] | undefined} */
export const diffLines = linesOf;
