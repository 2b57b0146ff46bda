// Where a daemon is reached, as text.

/** True for host:port; an IPv6 address stands in brackets. */
export function isHostPort(text: string): boolean {
  const [, host, port] = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? [];
  return host !== undefined && Number(port) <= 65_535;
}
