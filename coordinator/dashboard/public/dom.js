// Elements from code. Text only ever becomes text nodes, so nothing that a program, a note or a log says can become markup.

/** @typedef {string | number | Node | null | undefined | false} Leaf */
/** @typedef {Leaf | readonly (Leaf | readonly (Leaf | readonly (Leaf | readonly Leaf[])[])[])[]} Child what may stand inside an element */
/** @typedef {Record<string, string | number | boolean | ((event: any) => void) | undefined>} Attributes */

/** Attributes that may be set from code; everything else is a mistake. */
const allowed =
  /^(class|id|title|href|type|value|placeholder|tabindex|role|for|name|open|disabled|checked|download|rel|target|colspan|width|height|aria-[a-z]+|data-[a-z]+)$/;

/**
 * An element with attributes (`onclick` and the like are listeners) and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (name === 'href' && !isSafeLink(String(value))) continue;
    else if (allowed.test(name)) element.setAttribute(name, value === true ? '' : String(value));
    else throw new Error(`the attribute ${name} is not allowed`);
  }
  append(element, children);
  return element;
}

/** Only pages of ours are linked. @param {string} link */
function isSafeLink(link) {
  return /^[/?#]/.test(link) && !link.startsWith('//');
}

/** @param {Element} element @param {readonly Child[]} children */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** Replaces what is inside. @param {Element} element @param {...Child} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

let pressed = false;
/** @type {(() => void)[]} */
let waiting = [];
const release = () => {
  pressed = false;
  const ready = waiting;
  waiting = [];
  // After the click, which comes right behind the end of the press.
  setTimeout(() => {
    for (const resolve of ready) resolve();
  });
};
/** Others open menus, whose end no page hears of. @param {PointerEvent} event */
const press = ({ button }) => {
  pressed = button === 0;
};
addEventListener('pointerdown', press, { capture: true });
addEventListener('pointermove', ({ buttons }) => pressed && buttons === 0 && release(), {
  capture: true,
  passive: true,
});
for (const name of ['pointerup', 'pointercancel', 'blur']) addEventListener(name, release, { capture: true });

/**
 * Resolves when no button of the pointer is down. What is drawn anew under a press gets no click: a browser sends one only to the
 * element that met both press and release. Whatever draws without being asked waits for this.
 * @returns {Promise<void>}
 */
export function pointerIsUp() {
  return pressed ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve();
}

/** A link to a candidate's page. @param {string} id @param {Child} [text] */
export function candidateLink(id, text = shortId(id)) {
  return h('a', { href: `/candidates/${encodeURIComponent(id)}`, class: 'id' }, text);
}

/** A link to a run's page. @param {string} id @param {Child} [text] */
export function runLink(id, text = id) {
  return h('a', { href: `/runs/${encodeURIComponent(id)}`, class: 'id' }, text);
}

/** Ids are long; their last part tells them apart. @param {string} id */
export function shortId(id) {
  return id.length > 22 ? `…${id.slice(-20)}` : id;
}

/** The colours of the theme in use, for canvases. @param {string} name */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * Calls back when the reader's system changes between dark and light.
 * @param {() => void} redraw
 * @param {AbortSignal} signal
 */
export function onTheme(redraw, signal) {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw, { signal });
}

/**
 * A canvas that fills its element, sharp on any screen. `draw` is called with its size in CSS pixels.
 * @param {HTMLElement} element
 * @param {(context: CanvasRenderingContext2D, width: number, height: number) => void} draw
 * @param {AbortSignal} signal
 */
export function canvasIn(element, draw, signal) {
  const canvas = h('canvas');
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  element.append(canvas);
  let asked = 0;
  const paint = () => {
    asked = 0;
    const { clientWidth: width, clientHeight: height } = element;
    const scale = devicePixelRatio || 1;
    const [pixelWidth, pixelHeight] = [Math.round(width * scale), Math.round(height * scale)];
    if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
      canvas.width = pixelWidth;
      canvas.height = pixelHeight;
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  const redraw = () => {
    if (asked === 0) asked = requestAnimationFrame(paint);
  };
  const observer = new ResizeObserver(redraw);
  observer.observe(element);
  signal.addEventListener('abort', () => observer.disconnect());
  onTheme(redraw, signal);
  return { canvas, redraw };
}
