// How a candidate came about, as it comes: what the model thought, what it did, what it saw.

import { follow } from './client.js';
import { fill, h } from './dom.js';
import { duration } from './format.js';
import { highlightPython } from './python.js';

/** Longer texts are folded. */
const longText = 1400;

/**
 * @param {HTMLElement} element
 * @param {string} path of the candidate
 * @param {boolean} live whether entries are to come; then the newest is kept in sight
 * @param {AbortSignal} signal
 */
export function transcriptView(element, path, live, signal) {
  const list = h('ol', { class: 'transcript' });
  const end = h('p', { class: 'soft' }, 'waiting for entries …');
  fill(element, list, end);
  follow(`${path}/transcript`, undefined, signal, {
    event({ entry, json }) {
      const atEnd = live && scrollY + innerHeight > document.documentElement.scrollHeight - 60;
      list.append(...passages(json, entry ?? 0));
      end.textContent = 'live: entries appear as they come';
      if (atEnd && list.children.length > 3) scrollTo(0, document.documentElement.scrollHeight);
    },
    end() {
      end.textContent = list.children.length === 0 ? 'There is no transcript.' : '';
    },
    fault(message) {
      end.textContent = message;
    },
  });
}

/** @param {string} json @param {number} entry */
function passages(json, entry) {
  const of = parse(json);
  const at = typeof of['elapsedSeconds'] === 'number' ? duration(of['elapsedSeconds']) : '';
  return partsOf(of).map(({ role, headline, body, python }) =>
    h(
      'li',
      { class: role, id: `entry-${entry}` },
      h(
        'div',
        { class: 'headline' },
        h('span', { class: 'role' }, role),
        h('span', {}, headline),
        h('span', { class: 'space' }),
        h('time', {}, at),
      ),
      body !== '' && bodyOf(body, python, role === 'system'),
    ),
  );
}

/** @param {string} body @param {boolean} python @param {boolean} folded */
function bodyOf(body, python, folded) {
  const text = h('pre', {}, python ? highlightPython(body) : body);
  if (body.length <= longText && !folded) return text;
  const lines = body.split('\n').length;
  return h('details', { open: !folded && body.length < 3 * longText }, h('summary', {}, `${lines} lines`), text);
}

/** @typedef {{ role: string, headline: string, body: string, python: boolean }} Part */

/** @param {Record<string, any>} of @returns {Part[]} */
function partsOf(of) {
  const part = (
    /** @type {string} */ role,
    /** @type {string} */ headline,
    /** @type {unknown} */ body = '',
    python = false,
  ) => ({ role, headline, body: String(body ?? '').trimEnd(), python });
  switch (of['kind']) {
    case 'planned':
      return [
        part('system', `${of['operator']} on ${of['slotId']}, seed ${of['seed']}, model ${of['model'] || 'default'}`),
      ];
    case 'begun':
      return list(of['messages']).map((message) => part('system', `${message['role']} message`, message['content']));
    case 'modelAnswered':
      return answered(of, part);
    case 'toolEnded':
      return [part('observed', `${of['tool']} · ${duration(of['wallSeconds'])}`, of['observation'])];
    case 'toolRefused':
    case 'solutionRefused':
      return [part('trouble', String(of['tool'] ?? 'the solution was refused'), of['observation'])];
    case 'nudged':
      return [part('system', 'told', of['observation'])];
    case 'guided':
      return [part('system', 'guidance by the researcher', of['guidance'])];
    case 'executed':
      return [
        part(
          of['end'] === 'completed' ? 'outcome' : 'trouble',
          `clean-slate run: ${of['end']} after ${duration(of['wallSeconds'])}`,
          of['logTail'],
        ),
      ];
    case 'concluded':
      return [
        of['failureReason']
          ? part('trouble', `failed: ${of['failureReason']}`, of['failureMessage'])
          : part('outcome', 'submitted', of['note']),
      ];
    default:
      return [
        part(
          'system',
          String(of['kind'] ?? 'entry')
            .replace(/([A-Z])/g, ' $1')
            .toLowerCase(),
          of['message'] ?? of['text'] ?? '',
        ),
      ];
  }
}

/** @param {Record<string, any>} of @param {(role: string, headline: string, body?: unknown, python?: boolean) => Part} part */
function answered(of, part) {
  const thought = String(of['content'] ?? '').trim();
  const calls = list(of['toolCalls']).map((call) => {
    const given = parse(String(call['argumentsJson'] ?? ''));
    const main = ['command', 'code', 'content', 'new', 'idea'].find((name) => typeof given[name] === 'string');
    const rest = Object.entries(given)
      .filter(([name]) => name !== main)
      .map(([name, value]) => `${name}=${String(value).slice(0, 80)}`);
    const python = call['name'] === 'python' || (main === 'content' && String(given['path']).endsWith('.py'));
    return part('acted', [call['name'], ...rest].join(' '), main === undefined ? '' : given[main], python);
  });
  const turn = `turn ${of['turn']} · ${of['model']} · ${duration(of['seconds'])}`;
  return thought === '' ? calls : [part('thought', turn, thought), ...calls];
}

/** @param {unknown} value @returns {Record<string, any>[]} */
function list(value) {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : [];
}

/** @param {string} json @returns {Record<string, any>} */
function parse(json) {
  try {
    const value = JSON.parse(json);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Shown as it is.
  }
  return { kind: 'unreadable', text: json };
}
