// Goes to another page of ours. app.js listens and shows it, so that pages need not know the application.

/** @param {string} address */
export function go(address) {
  history.pushState(null, '', address);
  dispatchEvent(new PopStateEvent('popstate'));
}
