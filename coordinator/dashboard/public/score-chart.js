// Best score so far and every candidate over time; failures as crosses below. Dots are drawn by us on uPlot's canvas,
// because 10,000 points of uPlot's own would each be measured.

import { h, onTheme } from './dom.js';
import { duration, score, scoreWithError } from './format.js';
import { palette } from './palette.js';
import { uPlot } from './vendor.js';

/** @typedef {import('./run-model.js').RunModel} RunModel */
/** @typedef {import('./run-model.js').Candidate} Candidate */

const near = 14;
/** Ticks of the time axis, in seconds. */
const timeSteps = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800,
];
const numberSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];
/** Room for crosses under the lowest score, in CSS pixels. */
const failureLane = 16;

/**
 * What the chart shows at the moment.
 * @typedef {object} ChartState
 * @property {'time' | 'number'} across
 * @property {Candidate[]} points
 * @property {ReturnType<typeof palette>} colours
 * @property {boolean} zoomed
 * @property {Candidate | undefined} hovered
 */

/**
 * @param {RunModel} model
 * @param {(candidate: Candidate) => void} open
 * @param {AbortSignal} signal
 */
export function scoreChart(model, open, signal) {
  const host = h('div', { class: 'plot' });
  const tip = h('div', { class: 'tip', role: 'status' });
  /** @type {ChartState} */
  const state = { across: 'time', points: [], colours: palette(), zoomed: false, hovered: undefined };
  const xOf = (/** @type {Candidate} */ candidate, /** @type {number} */ index) =>
    state.across === 'time' ? (Number(candidate.ended) - model.createdAt) / 1000 : index + 1;
  const plot = new uPlot(optionsOf(model, state), [[], [], []], host);

  const draw = () => {
    // A refit is no candidate: it has no score of its own, and has not failed.
    state.points = model.ended().filter(({ state: end }) => end !== 'refitted');
    plot.setData(columns(model, state.points, xOf), !state.zoomed);
    if (state.zoomed) plot.redraw();
  };
  const hover = (/** @type {Candidate | undefined} */ candidate) => {
    if (candidate === state.hovered) return;
    state.hovered = candidate;
    plot.over.style.cursor = candidate === undefined ? '' : 'pointer';
    tip.classList.toggle('seen', candidate !== undefined);
    if (candidate !== undefined) placeTip(plot, tip, candidate, state.points, xOf);
    plot.redraw(false);
  };
  plot.over.addEventListener('mousemove', (/** @type {MouseEvent} */ event) =>
    hover(nearest(plot, state.points, event)),
  );
  plot.over.addEventListener('mouseleave', () => hover(undefined));
  plot.over.addEventListener('click', () => state.hovered !== undefined && open(state.hovered));
  plot.over.addEventListener('dblclick', () => {
    state.zoomed = false;
    draw();
  });
  const observer = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: host.clientHeight }));
  observer.observe(host);
  signal.addEventListener('abort', () => {
    observer.disconnect();
    plot.destroy();
  });
  onTheme(() => {
    state.colours = palette();
    plot.redraw(false, true);
  }, signal);
  model.onChange(draw);
  return {
    element: h('div', { class: 'score-chart' }, host, tip),
    /** Between time and number of candidates. */
    turn() {
      state.across = state.across === 'time' ? 'number' : 'time';
      state.zoomed = false;
      draw();
      return state.across;
    },
  };
}

/** uPlot's options. @param {RunModel} model @param {ChartState} state */
function optionsOf(model, state) {
  const xText = (/** @type {number} */ value) =>
    state.across === 'time' ? duration(value) : Number.isInteger(value) ? String(value) : '';
  const yText = (/** @type {number} */ value) => String(Number(value.toPrecision(5)));
  const xRange = (/** @type {any} */ _plot, /** @type {number} */ low, /** @type {number} */ high) =>
    state.zoomed ? [low, high] : [0, Math.max(1, high * 1.01)];
  const best = { stroke: () => state.colours.accent, width: 2, paths: uPlot.paths.stepped({ align: 1 }) };
  return {
    width: 600,
    height: 300,
    padding: [10, 30, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: true } },
    scales: { x: { time: false, range: xRange }, y: { range: () => yRange(model, state.points) } },
    series: [{}, { ...best, points: { show: false } }, { paths: () => null, points: { show: false } }],
    axes: [
      axis(() => state.colours, xText, {
        size: 26,
        space: 90,
        incrs: () => (state.across === 'time' ? timeSteps : numberSteps),
      }),
      axis(() => state.colours, yText, { size: 64 }),
    ],
    hooks: {
      draw: [(/** @type {any} */ plot) => drawPoints(plot, model, state.points, state.colours, state.hovered)],
      setSelect: [() => void Object.assign(state, { zoomed: true })],
    },
  };
}

/** @param {() => any} colours @param {(value: number) => string} write @param {object} more */
function axis(colours, write, more) {
  return {
    stroke: () => colours().soft,
    font: '11px system-ui, sans-serif',
    gap: 6,
    grid: { stroke: () => colours().line, width: 1 },
    ticks: { show: false },
    values: (/** @type {any} */ _plot, /** @type {number[]} */ splits) => splits.map(write),
    ...more,
  };
}

/** uPlot's columns. @param {RunModel} model @param {Candidate[]} points @param {(candidate: Candidate, index: number) => number} xOf */
function columns(model, points, xOf) {
  const xs = new Array(points.length);
  const best = new Array(points.length);
  const scores = new Array(points.length);
  /** @type {number | null} */
  let leader = null;
  for (const [index, point] of points.entries()) {
    const value = point.state === 'scored' ? Number(point.searchScore) : null;
    if (value !== null && (leader === null || model.isBetter(value, leader))) leader = value;
    xs[index] = xOf(point, index);
    best[index] = leader;
    scores[index] = value;
  }
  return [xs, best, scores];
}

/**
 * All scores where they lie together; where a few are far off, the worst are left at the edge, so that the best can be told
 * apart.
 * @param {RunModel} model
 * @param {Candidate[]} points
 * @returns {[number, number]}
 */
function yRange(model, points) {
  const values = points.flatMap(({ state, searchScore }) => (state === 'scored' ? [Number(searchScore)] : []));
  if (values.length === 0) return [0, 1];
  values.sort((left, right) => (model.isBetter(left, right) ? -1 : 1));
  const best = values[0];
  const typical = values[Math.floor((values.length - 1) * 0.75)];
  const worst = values[values.length - 1];
  const reach =
    Math.min(Math.abs(worst - best), 4 * Math.abs(typical - best) || Math.abs(worst - best)) ||
    Math.abs(best) * 0.1 ||
    1;
  const [near, far] = model.lowerIsBetter
    ? [best - 0.06 * reach, best + 1.04 * reach]
    : [best - 1.04 * reach, best + 0.06 * reach];
  // A strip below for failures.
  return [near - 0.09 * (far - near), far];
}

/** @param {any} plot @param {RunModel} model @param {Candidate[]} points @param {any} colours @param {Candidate | undefined} hovered */
function drawPoints(plot, model, points, colours, hovered) {
  const { ctx, bbox } = plot;
  const scale = devicePixelRatio || 1;
  const many = points.length > 1500;
  const radius = (many ? 1.8 : points.length > 300 ? 2.6 : 3.6) * scale;
  const [top, bottom] = [bbox.top, bbox.top + bbox.height];
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left - 4 * scale, bbox.top - 4 * scale, bbox.width + 8 * scale, bbox.height + 8 * scale);
  ctx.clip();
  drawBaseline(plot, model, colours, scale);
  for (const [index, point] of points.entries()) {
    const x = plot.valToPos(plot.data[0][index], 'x', true);
    if (x < bbox.left - 4 || x > bbox.left + bbox.width + 4) continue;
    if (point.state === 'scored') {
      const y = plot.valToPos(point.searchScore, 'y', true);
      const seen = Math.min(bottom, Math.max(top, y));
      ctx.fillStyle = colours[point.operator] ?? colours.faint;
      if (y !== seen) triangle(ctx, x, seen, radius, y < top);
      else if (many) ctx.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
      else dot(ctx, x, y, radius);
    } else {
      if (many) ctx.globalAlpha = 0.35;
      cross(
        ctx,
        x,
        bottom - (failureLane / 2) * scale,
        many ? 2 * scale : 3.2 * scale,
        point.state === 'quarantined' ? colours.warn : colours.bad,
        scale,
      );
      ctx.globalAlpha = 1;
    }
    if (point.id === model.selected || point === hovered) ring(plot, ctx, x, point, bottom, colours, scale);
  }
  ctx.restore();
}

/** @param {any} plot @param {RunModel} model @param {any} colours @param {number} scale */
function drawBaseline(plot, model, colours, scale) {
  const verdict = model.run?.verdict;
  if (!verdict || verdict.baselineSearchScore === null) return;
  const { ctx, bbox } = plot;
  const y = plot.valToPos(verdict.baselineSearchScore ?? 0, 'y', true);
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  ctx.strokeStyle = colours.warn;
  ctx.setLineDash([5 * scale, 4 * scale]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius */
function dot(ctx, x, y, radius) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 7);
  ctx.fill();
}

/** A point beyond the edge. @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} radius @param {boolean} up */
function triangle(ctx, x, y, radius, up) {
  const tall = up ? radius * 1.8 : -radius * 1.8;
  ctx.globalAlpha = 0.6;
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(x - radius, y + tall);
  ctx.lineTo(x + radius, y + tall);
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} arm @param {string} stroke @param {number} scale */
function cross(ctx, x, y, arm, stroke, scale) {
  ctx.strokeStyle = stroke;
  ctx.lineWidth = 1.4 * scale;
  ctx.beginPath();
  ctx.moveTo(x - arm, y - arm);
  ctx.lineTo(x + arm, y + arm);
  ctx.moveTo(x + arm, y - arm);
  ctx.lineTo(x - arm, y + arm);
  ctx.stroke();
}

/** @param {any} plot @param {CanvasRenderingContext2D} ctx @param {number} x @param {Candidate} point @param {number} bottom @param {any} colours @param {number} scale */
function ring(plot, ctx, x, point, bottom, colours, scale) {
  const y =
    point.state === 'scored'
      ? Math.max(plot.bbox.top, Math.min(bottom, plot.valToPos(point.searchScore, 'y', true)))
      : bottom - (failureLane / 2) * scale;
  ctx.strokeStyle = colours.ink;
  ctx.lineWidth = 1.5 * scale;
  ctx.beginPath();
  ctx.arc(x, y, 7 * scale, 0, 7);
  ctx.stroke();
}

/** @param {any} plot @param {Candidate[]} points @param {MouseEvent} event */
function nearest(plot, points, event) {
  const { left, top } = plot.over.getBoundingClientRect();
  const [mouseX, mouseY] = [event.clientX - left, event.clientY - top];
  const height = plot.over.clientHeight;
  let found;
  let distance = near * near;
  for (const [index, point] of points.entries()) {
    const x = plot.valToPos(plot.data[0][index], 'x') - mouseX;
    if (Math.abs(x) > near) continue;
    const place =
      point.state === 'scored'
        ? Math.min(height, Math.max(0, plot.valToPos(point.searchScore, 'y')))
        : height - failureLane / 2;
    const squared = x * x + (place - mouseY) ** 2;
    if (squared < distance) [found, distance] = [point, squared];
  }
  return found;
}

/** @param {any} plot @param {HTMLElement} tip @param {Candidate} candidate @param {Candidate[]} points @param {(candidate: Candidate, index: number) => number} xOf */
function placeTip(plot, tip, candidate, points, xOf) {
  const x = plot.valToPos(xOf(candidate, points.indexOf(candidate)), 'x') + plot.over.offsetLeft;
  const what = candidate.state === 'scored' ? scoreWithError(candidate) : candidate.failure || candidate.state;
  tip.replaceChildren(
    h('b', {}, `#${candidate.number} `),
    h('span', { class: `operator ${candidate.operator}` }, candidate.operator),
    ` ${what}`,
    h('br'),
    h('span', { class: 'soft' }, candidate.idea || candidate.message || score(undefined)),
  );
  const right = x > plot.over.clientWidth / 2;
  tip.style.left = right ? '' : `${x + 14}px`;
  tip.style.right = right ? `${plot.root.clientWidth - x + 14}px` : '';
}
