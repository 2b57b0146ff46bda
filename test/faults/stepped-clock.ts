// Loaded into a daemon before everything else (`--import`): its wall clock is wrong by as many milliseconds as a file says. The
// monotonic clock and timers stay as they are, as with a clock that somebody sets.

import { readFileSync } from 'node:fs';

const path = process.env['DOUBLEBLIND_TEST_CLOCK'] ?? '';
const RealDate = Date;
let offsetMs = 0;

const look = (): void => {
  try {
    offsetMs = Number(readFileSync(path, 'utf8'));
  } catch {
    // Nobody has set it yet.
  }
};

if (path !== '') {
  look();
  setInterval(look, 50).unref();
  const wrong = (): number => RealDate.now() + offsetMs;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, words) => Reflect.construct(target, words.length === 0 ? [wrong()] : words),
    apply: () => new RealDate(wrong()).toString(),
    get: (target, name, receiver) => (name === 'now' ? wrong : Reflect.get(target, name, receiver)),
  });
}
