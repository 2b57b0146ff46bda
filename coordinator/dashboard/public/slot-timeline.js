// What each slot was busy with, over time. A slot has as many lanes as attempts shared it at once.

import { canvasIn, h } from './dom.js';
import { duration } from './format.js';
import { palette } from './palette.js';

/** @typedef {import('./run-model.js').RunModel} RunModel */
/** @typedef {import('./run-model.js').Candidate} Candidate */
/** @typedef {{ candidate: Candidate, from: number, to: number, lane: number }} Bar */

const nameWidth = 132;
const axisHeight = 18;

/**
 * @param {RunModel} model
 * @param {(candidate: Candidate) => void} open
 * @param {AbortSignal} signal
 */
export function slotTimeline(model, open, signal) {
  const element = h('div', { class: 'slot-timeline' });
  const inner = h('div', { class: 'inner' });
  const tip = h('div', { class: 'tip' });
  element.append(inner, tip);
  /** @type {{ slots: Map<string, { first: number, lanes: number }>, bars: Bar[], lanes: number }} */
  let plan = { slots: new Map(), bars: [], lanes: 0 };
  let laneHeight = 14;

  const { canvas, redraw } = canvasIn(
    inner,
    (context, width, height) => paint(context, width, height, model, plan, laneHeight),
    signal,
  );
  const update = () => {
    plan = planLanes(model);
    laneHeight = plan.lanes <= 16 ? 15 : plan.lanes <= 64 ? 8 : 4;
    inner.style.height = `${Math.max(1, plan.lanes) * laneHeight + axisHeight}px`;
    redraw();
  };
  model.onChange(update);
  // A bar of a running attempt grows.
  const timer = setInterval(() => {
    if (!model.isOver) update();
  }, 2000);
  signal.addEventListener('abort', () => clearInterval(timer));

  const at = (/** @type {MouseEvent} */ event) => {
    const { left, top, width } = canvas.getBoundingClientRect();
    const lane = Math.floor((event.clientY - top) / laneHeight);
    const time =
      model.createdAt + ((event.clientX - left - nameWidth) / (width - nameWidth)) * (model.until - model.createdAt);
    const slack = ((model.until - model.createdAt) / (width - nameWidth)) * 2;
    return plan.bars.find((bar) => bar.lane === lane && time >= bar.from - slack && time <= bar.to + slack);
  };
  canvas.addEventListener('mousemove', (event) => {
    const bar = at(event);
    canvas.style.cursor = bar === undefined ? '' : 'pointer';
    tip.classList.toggle('seen', bar !== undefined);
    if (bar === undefined) return;
    const { candidate } = bar;
    tip.replaceChildren(
      h('b', {}, `#${candidate.number} `),
      h('span', { class: `operator ${candidate.operator}` }, candidate.operator),
      ` ${duration((bar.to - bar.from) / 1000)} · ${candidate.failure || candidate.state}`,
      h('br'),
      h('span', { class: 'soft' }, candidate.idea || candidate.slot),
    );
    const x = event.clientX - element.getBoundingClientRect().left;
    const right = x > element.clientWidth / 2;
    tip.style.left = right ? '' : `${x + 14}px`;
    tip.style.right = right ? `${element.clientWidth - x + 14}px` : '';
    tip.style.top = `${event.clientY - element.getBoundingClientRect().top + 12}px`;
  });
  canvas.addEventListener('mouseleave', () => tip.classList.remove('seen'));
  canvas.addEventListener('click', (event) => {
    const bar = at(event);
    if (bar !== undefined) open(bar.candidate);
  });
  return { element };
}

/** Share of the slots' time that an attempt held them. @param {RunModel} model */
export function busyShare(model) {
  const { bars, lanes } = planLanes(model);
  const whole = lanes * (model.until - model.createdAt);
  return whole > 0 ? bars.reduce((sum, { from, to }) => sum + to - from, 0) / whole : undefined;
}

/** @param {RunModel} model */
function planLanes(model) {
  const now = model.until;
  /** @type {Map<string, Candidate[]>} */
  const bySlot = new Map();
  for (const candidate of model.candidates) {
    if (candidate.started === undefined || candidate.slot === '') continue;
    const list = bySlot.get(candidate.slot);
    if (list === undefined) bySlot.set(candidate.slot, [candidate]);
    else list.push(candidate);
  }
  /** @type {Bar[]} */
  const bars = [];
  /** @type {Map<string, { first: number, lanes: number }>} */
  const slots = new Map();
  let next = 0;
  for (const slot of [...bySlot.keys()].sort((left, right) => left.localeCompare(right, 'en', { numeric: true }))) {
    /** Ends of the lanes. @type {number[]} */
    const free = [];
    const candidates = (bySlot.get(slot) ?? []).sort((left, right) => Number(left.started) - Number(right.started));
    for (const candidate of candidates) {
      const from = Number(candidate.started);
      const to = Math.max(from, candidate.stopped ?? now);
      const found = free.findIndex((end) => end <= from);
      const lane = found < 0 ? free.length : found;
      free[lane] = to;
      bars.push({ candidate, from, to, lane: next + lane });
    }
    slots.set(slot, { first: next, lanes: free.length });
    next += free.length;
  }
  return { slots, bars, lanes: next };
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} width
 * @param {number} height
 * @param {RunModel} model
 * @param {ReturnType<typeof planLanes>} plan
 * @param {number} laneHeight
 */
function paint(context, width, height, model, plan, laneHeight) {
  const colours = palette();
  const [start, end] = [model.createdAt, model.until];
  const x = (/** @type {number} */ at) =>
    nameWidth + ((at - start) / Math.max(1, end - start)) * (width - nameWidth - 1);
  context.font = colours.font;
  context.textBaseline = 'middle';
  paintAxis(context, width, height, (end - start) / 1000, colours);
  let labelled = -100;
  for (const [slot, { first, lanes }] of plan.slots) {
    const y = first * laneHeight;
    context.fillStyle = colours.line;
    context.fillRect(0, y, width, 1);
    if (y + (lanes * laneHeight) / 2 - labelled < 12) continue;
    labelled = y + (lanes * laneHeight) / 2;
    context.fillStyle = colours.soft;
    context.fillText(fitting(context, slot, nameWidth - 10), 0, labelled + 1);
  }
  const gap = laneHeight > 6 ? 2 : 1;
  for (const { candidate, from, to, lane } of plan.bars) {
    const failed = candidate.state === 'failed';
    const left = x(from);
    const wide = Math.max(1, x(to) - left - (laneHeight > 6 ? 1 : 0));
    context.fillStyle = colours[candidate.operator] ?? colours.faint;
    context.globalAlpha = failed ? 0.28 : candidate.ended === undefined ? 0.6 : 1;
    context.fillRect(left, lane * laneHeight + gap, wide, laneHeight - gap);
    context.globalAlpha = 1;
    if (failed) {
      context.fillStyle = colours.bad;
      context.fillRect(left + Math.max(0, wide - 2), lane * laneHeight + gap, Math.min(2, wide), laneHeight - gap);
    }
    if (laneHeight >= 14 && wide > 24) {
      context.fillStyle = failed ? colours.ink : colours.panel;
      context.fillText(`#${candidate.number}`, left + 5, lane * laneHeight + gap / 2 + laneHeight / 2 + 0.5);
    }
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {number} seconds @param {any} colours */
function paintAxis(context, width, height, seconds, colours) {
  const steps = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800,
  ];
  const wanted = Math.max(2, Math.floor((width - nameWidth) / 120));
  const step = steps.find((candidate) => seconds / candidate <= wanted) ?? seconds;
  for (let at = 0; at <= seconds; at += step) {
    const x = nameWidth + (at / Math.max(1, seconds)) * (width - nameWidth - 1);
    context.fillStyle = colours.line;
    context.fillRect(Math.round(x), 0, 1, height - axisHeight);
    context.fillStyle = colours.soft;
    const text = duration(at);
    const wide = context.measureText(text).width;
    if (x + wide / 2 < width) context.fillText(text, at === 0 ? x : x - wide / 2, height - axisHeight / 2);
  }
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} room */
function fitting(context, text, room) {
  let shown = text;
  while (shown.length > 3 && context.measureText(shown).width > room) shown = `…${shown.slice(2)}`;
  return shown;
}
