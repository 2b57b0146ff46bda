// The files of a solution with line numbers.

import { h } from './dom.js';
import { bytes } from './format.js';
import { highlightPython } from './python.js';

/** @param {{ path: string, sizeBytes: number, text?: string }[]} files */
export function codeView(files) {
  if (files.length === 0) return h('div', { class: 'empty' }, 'The solution has no files.');
  return h(
    'div',
    { class: 'files' },
    files.map((file) =>
      h(
        'section',
        { class: 'file' },
        h(
          'header',
          {},
          h('b', {}, file.path),
          h('span', { class: 'soft' }, ` ${bytes(file.sizeBytes)}`),
          h('span', { class: 'space' }),
          file.text !== undefined &&
            h(
              'button',
              { class: 'quiet', onclick: (/** @type {Event} */ event) => void copy(event, file.text ?? '') },
              'copy',
            ),
        ),
        file.text === undefined
          ? h('p', { class: 'soft' }, 'Not shown: binary or large.')
          : numbered(file.path, file.text),
      ),
    ),
  );
}

/** @param {Event} event @param {string} text */
async function copy(event, text) {
  await navigator.clipboard.writeText(text);
  if (event.target instanceof HTMLElement) event.target.textContent = 'copied';
}

/** Numbers stand apart, so that they are not copied. @param {string} path @param {string} text */
function numbered(path, text) {
  const lines = text.replace(/\n$/, '').split('\n').length;
  const numbers = Array.from({ length: lines }, (_, index) => index + 1).join('\n');
  return h(
    'div',
    { class: 'code' },
    h('pre', { class: 'lines', 'aria-hidden': 'true' }, numbers),
    h('pre', {}, h('code', {}, path.endsWith('.py') ? highlightPython(text) : text)),
  );
}
