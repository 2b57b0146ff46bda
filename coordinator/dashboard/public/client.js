// The API: requests, changes and streams of events.

/** A refused or failed request. */
export class ApiError extends Error {
  /** @param {string} message @param {string} code */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, signal) {
  return await answer(await fetch(`/api/v1${path}`, signal === undefined ? {} : { signal }));
}

/**
 * Changes something; the header shows that no foreign page asks.
 * @param {string} path
 * @param {Record<string, string>} [body]
 * @returns {Promise<any>}
 */
export async function post(path, body = {}) {
  const headers = { 'x-doubleblind-request': '1', 'content-type': 'application/json' };
  return await answer(await fetch(`/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) }));
}

/** @param {Response} response @param {boolean} [whole] false where only its kind is wanted */
async function answer(response, whole = true) {
  if (response.status === 401) location.assign('/sign-in');
  if (response.ok && !whole) return {};
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  throw new ApiError(body.message ?? `the coordinator answered ${response.status}`, body.code ?? 'unknown');
}

/**
 * Everything of a list, page by page.
 * @param {string} path
 * @param {string} member
 * @param {AbortSignal} signal
 * @param {(items: any[]) => void} take
 */
export async function getAll(path, member, signal, take) {
  let token = '';
  do {
    const separator = path.includes('?') ? '&' : '?';
    const page = await get(`${path}${separator}pageSize=1000&pageToken=${encodeURIComponent(token)}`, signal);
    take(page[member] ?? []);
    token = page.nextPageToken ?? '';
  } while (token !== '');
}

/** @typedef {'live' | 'away' | 'idle'} Connection */
/** @type {(state: Connection) => void} */
let tellConnection = () => undefined;

/** Whoever shows whether events come. @param {(state: Connection) => void} show */
export function onConnection(show) {
  tellConnection = show;
}

/**
 * Why a stream is refused for good: undefined where asking again may help. Somebody whose session has ended is led to where one begins.
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function refusal(url, signal) {
  const stop = new AbortController();
  try {
    await answer(await fetch(url, { signal: AbortSignal.any([signal, stop.signal]) }), false);
    return undefined;
  } catch (error) {
    return error instanceof ApiError && ['notFound', 'permissionDenied', 'invalidArgument'].includes(error.code)
      ? error.message
      : undefined;
  } finally {
    stop.abort();
  }
}

/**
 * Follows events from a place on until they end or `signal` aborts. While the page is hidden nothing is followed: browsers
 * allow six connections, and many tabs would starve each other.
 * @param {string} path
 * @param {number | undefined} after
 * @param {AbortSignal} signal
 * @param {{ event: (data: any) => void, end?: () => void, fault?: (message: string) => void, quiet?: boolean }} on `quiet` where another stream is
 *   what the page lives on
 */
export function follow(path, after, signal, on) {
  let last = after;
  let over = false;
  /** @param {Connection} state */
  const tell = (state) => {
    if (on.quiet !== true) tellConnection(state);
  };
  /** @type {EventSource | undefined} */
  let source;
  const close = () => {
    source?.close();
    source = undefined;
    tell('idle');
  };
  const finish = (/** @type {() => void} */ told) => {
    over = true;
    close();
    told();
  };
  const open = () => {
    if (source !== undefined || over || signal.aborted || document.hidden) return;
    source = new EventSource(`/api/v1${path}${last === undefined ? '' : `?after=${last}`}`);
    source.onopen = () => tell('live');
    source.onerror = () => {
      tell('away');
      if (source?.readyState !== EventSource.CLOSED) return;
      // A refusal is final for EventSource, which does not tell it from a coordinator that is away.
      const { url } = source;
      close();
      tell('away');
      void refusal(url, signal).then((message) => {
        if (message === undefined) setTimeout(open, 3000);
        else finish(() => on.fault?.(message));
      });
    };
    source.onmessage = (message) => {
      last = Number(message.lastEventId);
      on.event(JSON.parse(message.data));
    };
    source.addEventListener('end', () => finish(() => on.end?.()));
    source.addEventListener('fault', (event) => {
      const { message, code } = JSON.parse(/** @type {MessageEvent} */ (event).data);
      if (code !== 'unavailable') finish(() => on.fault?.(message));
    });
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()), { signal });
  signal.addEventListener('abort', close);
  open();
}

/**
 * Reads again and again while the page is seen.
 * @param {() => Promise<void>} read
 * @param {number} everyMs
 * @param {AbortSignal} signal
 */
export function poll(read, everyMs, signal) {
  let busy = false;
  const round = async () => {
    if (busy || document.hidden || signal.aborted) return;
    busy = true;
    try {
      await read();
      tellConnection('live');
    } catch (error) {
      if (signal.aborted) return;
      // A request that found nobody is told by the sign of the connection; anything else is a fault of the page and has to be seen.
      const unanswered =
        error instanceof ApiError
          ? error.code === 'unavailable'
          : error instanceof TypeError && error.message.includes('fetch');
      if (!unanswered) throw error;
      tellConnection('away');
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(round, everyMs);
  document.addEventListener('visibilitychange', round, { signal });
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    tellConnection('idle');
  });
  return round();
}
