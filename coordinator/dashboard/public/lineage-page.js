// Who descends from whom, coloured by score. The tree is that of first parents; a crossover's second parent is a thin line.

import { go } from './address.js';
import { candidateLink, canvasIn, fill, h, runLink } from './dom.js';
import { bytes, duration, scoreWithError } from './format.js';
import { layOut } from './lineage-layout.js';
import { palette, scoreColour } from './palette.js';
import { openRun } from './run-model.js';

/** @typedef {import('./run-model.js').RunModel} RunModel */
/** @typedef {import('./run-model.js').Candidate} Candidate */
/** @typedef {import('./lineage-layout.js').Layout} Layout */
/** Where the layout lies on the surface, and its scale across and down. @typedef {{ x: number, y: number, across: number, down: number }} View */

/** @param {import('./app.js').PageContext} page */
export async function show({ element, id, query, signal, addKeys, setTitle, setQuery }) {
  const model = await openRun(id, signal);
  model.selected = query.get('at') ?? undefined;
  setTitle(`Lineage of ${model.run.runId}`);
  const surface = h('div', { class: 'surface', tabindex: 0, 'aria-label': 'Lineage tree' });
  const detail = h('aside', { class: 'detail', 'aria-live': 'polite' });
  const scaleKey = h('span', { class: 'soft' });
  element.classList.add('whole');
  fill(
    element,
    h(
      'div',
      { class: 'title' },
      h('h1', {}, 'Lineage of ', runLink(model.run.runId)),
      h('span', { class: 'space' }),
      scaleKey,
    ),
    h('div', { class: 'lineage' }, surface, detail),
  );

  /** @type {Layout} */
  let layout = layOut(model);
  /** Undefined until somebody moves it. @type {View | undefined} */
  let moved;
  const view = () => moved ?? fitted(layout, surface);
  const { canvas, redraw } = canvasIn(
    surface,
    (context, width, height) => paint(context, width, height, model, layout, view()),
    signal,
  );
  const select = (/** @type {Candidate | undefined} */ candidate) => {
    model.selected = candidate?.id;
    setQuery({ at: candidate?.id });
    drawDetail(detail, model, candidate);
    redraw();
  };
  model.onChange(() => {
    layout = layOut(model);
    fill(scaleKey, legendOf(layout));
    // Until somebody chooses, the best is told of.
    const selected = model.byId.get(model.selected ?? model.run.bestCandidateId);
    if (selected !== undefined || !model.loading) drawDetail(detail, model, selected);
    redraw();
  });
  model.changed();
  addMoves(canvas, surface, signal, {
    view,
    move: (next) => {
      moved = next;
      redraw();
    },
    click: (x, y) => select(nodeAt(layout, view(), x, y)),
  });
  addKeys(
    keysOf(model, {
      layout: () => layout,
      select,
      fit: () => {
        moved = undefined;
        redraw();
      },
    }),
  );
}

/**
 * @param {RunModel} model
 * @param {{ layout: () => Layout, select: (candidate: Candidate | undefined) => void, fit: () => void }} on
 * @returns {Record<string, [string, () => void]>}
 */
function keysOf(model, { layout, select, fit }) {
  const step = (/** @type {string} */ direction) => select(neighbour(layout(), model, direction));
  const open = () => {
    if (model.selected !== undefined) go(`/candidates/${encodeURIComponent(model.selected)}`);
  };
  return {
    j: ['next sibling', () => step('down')],
    k: ['sibling before', () => step('up')],
    h: ['parent', () => step('left')],
    l: ['first child', () => step('right')],
    Enter: ['open the candidate', open],
    b: ['the best candidate', () => select(model.byId.get(model.run.bestCandidateId))],
    0: ['see all of it', fit],
    u: ['up to the run', () => go(`/runs/${encodeURIComponent(model.run.runId)}`)],
  };
}

/** @param {Layout} layout @param {HTMLElement} surface @returns {View} */
function fitted(layout, surface) {
  const margin = 28;
  const [width, height] = [surface.clientWidth - 2 * margin, surface.clientHeight - 2 * margin];
  // Each way by itself: a large tree is far higher than wide, and would be a line otherwise.
  const across = Math.min(2, width / Math.max(1, layout.width));
  const down = Math.min(1.6, height / Math.max(1, layout.height));
  return {
    across,
    down,
    x: margin + (width - layout.width * across) / 2,
    y: margin + (height - layout.height * down) / 2,
  };
}

/** Best, worst and colours between. @param {Layout} layout */
function legendOf({ best, worst }) {
  if (best === undefined) return 'no scores yet';
  const { stops } = palette();
  const swatches = [0, 0.25, 0.5, 0.75, 1].map((place) => {
    const swatch = h('i', { class: 'swatch' });
    swatch.style.background = scoreColour(stops, place);
    return swatch;
  });
  return [
    `worst ${scoreWithError({ searchScore: worst })} `,
    swatches,
    ` best ${scoreWithError({ searchScore: best })}`,
    '  ·  colour by rank',
  ];
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {RunModel} model @param {Layout} layout @param {View} view */
function paint(context, width, height, model, layout, { x, y, across, down }) {
  const colours = palette();
  const seen = (/** @type {{ x: number, y: number }} */ node) =>
    node.x * across + x > -40 &&
    node.x * across + x < width + 40 &&
    node.y * down + y > -40 &&
    node.y * down + y < height + 40;
  const ancestry = layout.ancestryOf(model.selected ?? model.run.bestCandidateId);
  context.lineWidth = 1;
  for (const pass of ['others', 'ancestry']) {
    context.beginPath();
    for (const { from, to } of layout.edges) {
      if ((pass === 'ancestry') !== (ancestry.has(to.candidate.id) && ancestry.has(from.candidate.id))) continue;
      if (seen(from) || seen(to))
        curve(context, from.x * across + x, from.y * down + y, to.x * across + x, to.y * down + y);
    }
    context.strokeStyle = pass === 'ancestry' ? colours.accent : colours.faint;
    context.globalAlpha = pass === 'ancestry' ? 1 : 0.5;
    context.lineWidth = pass === 'ancestry' ? 2 : 1;
    context.stroke();
  }
  context.setLineDash([3, 3]);
  context.lineWidth = 1;
  context.strokeStyle = colours.crossover;
  context.globalAlpha = layout.nodes.length > 400 ? 0.15 : 0.6;
  context.beginPath();
  for (const { from, to } of layout.secondEdges)
    if (seen(to)) curve(context, from.x * across + x, from.y * down + y, to.x * across + x, to.y * down + y);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
  const radius = Math.max(1.6, Math.min(8, 7 * Math.min(across, down)));
  for (const node of layout.nodes) {
    if (seen(node)) paintNode(context, node, node.x * across + x, node.y * down + y, radius, model, colours);
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} fromX @param {number} fromY @param {number} toX @param {number} toY */
function curve(context, fromX, fromY, toX, toY) {
  // In one column a straight line would go through the nodes between and read as their ancestry: it bows to the side without labels.
  const bow = Math.abs(toX - fromX) < 1 ? Math.min(48, 14 + Math.abs(toY - fromY) / 8) : 0;
  const middle = (fromX + toX) / 2 - bow;
  context.moveTo(fromX, fromY);
  context.bezierCurveTo(middle, fromY, middle, toY, toX, toY);
}

/** @param {CanvasRenderingContext2D} context @param {import('./lineage-layout.js').Node} node @param {number} x @param {number} y @param {number} radius @param {RunModel} model @param {any} colours */
function paintNode(context, { candidate, place }, x, y, radius, model, colours) {
  context.beginPath();
  context.arc(x, y, radius, 0, 7);
  if (candidate.state === 'scored') {
    context.fillStyle = scoreColour(colours.stops, place);
    context.fill();
  } else {
    context.fillStyle = colours.paper;
    context.fill();
    context.strokeStyle =
      candidate.state === 'failed' ? colours.bad : candidate.state === 'quarantined' ? colours.warn : colours.faint;
    context.lineWidth = radius > 3 ? 1.5 : 1;
    context.stroke();
  }
  const isBest = candidate.id === model.run.bestCandidateId;
  if (candidate.id === model.selected || isBest) {
    context.beginPath();
    context.arc(x, y, radius + 3.5, 0, 7);
    context.strokeStyle = candidate.id === model.selected ? colours.ink : colours.good;
    context.lineWidth = 2;
    context.stroke();
  }
  if (radius < 4.5) return;
  context.fillStyle = isBest ? colours.ink : colours.soft;
  context.font = colours.font;
  context.textBaseline = 'middle';
  label(context, `#${candidate.number}`, x + radius + 6, y - 6.5, colours);
  label(
    context,
    candidate.searchScore === undefined ? candidate.failure || candidate.state : candidate.searchScore.toPrecision(3),
    x + radius + 6,
    y + 7,
    colours,
  );
}

/** Text that stays legible over lines. @param {CanvasRenderingContext2D} context @param {string} text @param {number} x @param {number} y @param {any} colours */
function label(context, text, x, y, colours) {
  context.strokeStyle = colours.panel;
  context.lineWidth = 4;
  context.lineJoin = 'round';
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

/** @param {Layout} layout @param {View} view @param {number} mouseX @param {number} mouseY */
function nodeAt(layout, { x, y, across, down }, mouseX, mouseY) {
  let found;
  let distance = 14 ** 2;
  for (const node of layout.nodes) {
    const squared = (node.x * across + x - mouseX) ** 2 + (node.y * down + y - mouseY) ** 2;
    if (squared < distance) [found, distance] = [node.candidate, squared];
  }
  return found;
}

/** @param {Layout} layout @param {RunModel} model @param {string} direction */
function neighbour(layout, model, direction) {
  const here = layout.nodes.find(({ candidate }) => candidate.id === model.selected);
  if (here === undefined) return layout.nodes[0]?.candidate;
  if (direction === 'left') return model.byId.get(here.candidate.parents[0] ?? '') ?? here.candidate;
  if (direction === 'right') return layout.edges.find(({ from }) => from === here)?.to.candidate ?? here.candidate;
  const column = layout.nodes.filter(({ x }) => x === here.x).sort((left, right) => left.y - right.y);
  return (column[column.indexOf(here) + (direction === 'down' ? 1 : -1)] ?? here).candidate;
}

/**
 * Drag moves, the wheel zooms where it points, a click chooses.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} surface
 * @param {AbortSignal} signal
 * @param {{ view: () => View, move: (view: View) => void, click: (x: number, y: number) => void }} on
 */
function addMoves(canvas, surface, signal, on) {
  /** @type {{ x: number, y: number, far: boolean } | undefined} */
  let held;
  canvas.addEventListener(
    'pointerdown',
    (event) => {
      held = { x: event.clientX, y: event.clientY, far: false };
      canvas.setPointerCapture(event.pointerId);
    },
    { signal },
  );
  canvas.addEventListener(
    'pointermove',
    (event) => {
      if (held === undefined) return;
      const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
      if (!held.far && Math.hypot(dx, dy) < 4) return;
      const view = on.view();
      held = { x: event.clientX, y: event.clientY, far: true };
      on.move({ ...view, x: view.x + dx, y: view.y + dy });
    },
    { signal },
  );
  canvas.addEventListener(
    'pointerup',
    (event) => {
      const { left, top } = surface.getBoundingClientRect();
      if (held?.far === false) on.click(event.clientX - left, event.clientY - top);
      held = undefined;
    },
    { signal },
  );
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      const { left, top } = surface.getBoundingClientRect();
      const [mouseX, mouseY] = [event.clientX - left, event.clientY - top];
      const view = on.view();
      const wanted = Math.exp(-event.deltaY / 400);
      const factor = Math.min(wanted, 8 / Math.max(view.across, view.down));
      on.move({
        across: view.across * factor,
        down: view.down * factor,
        x: mouseX - (mouseX - view.x) * factor,
        y: mouseY - (mouseY - view.y) * factor,
      });
    },
    { signal, passive: false },
  );
}

/** @param {HTMLElement} element @param {RunModel} model @param {Candidate | undefined} candidate */
function drawDetail(element, model, candidate) {
  if (candidate === undefined) {
    fill(
      element,
      h('p', { class: 'soft' }, 'Click a candidate, or press j. Drag to move, scroll to zoom, 0 to see all.'),
    );
    return;
  }
  const named = (/** @type {string} */ id) => candidateLink(id, `#${model.byId.get(id)?.number ?? '?'}`);
  const children = model.candidates.filter(({ parents }) => parents.includes(candidate.id));
  const row = (/** @type {string} */ name, /** @type {import('./dom.js').Child} */ value) =>
    value ? [h('dt', {}, name), h('dd', {}, value)] : null;
  fill(
    element,
    h(
      'h2',
      {},
      candidateLink(candidate.id, `#${candidate.number}`),
      ' ',
      h('span', { class: `operator ${candidate.operator}` }, candidate.operator),
    ),
    h(
      'div',
      { class: 'figure' },
      h(
        'span',
        { class: 'value' },
        candidate.searchScore === undefined ? candidate.failure || candidate.state : scoreWithError(candidate),
      ),
    ),
    h('p', {}, candidate.idea),
    candidate.message && h('p', { class: 'bad' }, candidate.message),
    h(
      'dl',
      {},
      row(
        'Parents',
        candidate.parents.length > 0 && candidate.parents.map((id, index) => [index > 0 ? ', ' : '', named(id)]),
      ),
      row(
        'Children',
        children.length > 0 && children.slice(0, 40).map(({ id }, index) => [index > 0 ? ', ' : '', named(id)]),
      ),
      row('Run', candidate.runSeconds > 0 && duration(candidate.runSeconds)),
      row('Memory', candidate.usage.peakMemoryBytes > 0 && bytes(candidate.usage.peakMemoryBytes)),
      row('Slot', candidate.slot),
    ),
    h('a', { href: `/candidates/${encodeURIComponent(candidate.id)}`, class: 'button' }, 'open'),
  );
}
