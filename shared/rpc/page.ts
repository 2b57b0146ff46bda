// Pages of lists that are in memory. A page token is the key of the last item that was given out.

import { RpcFault } from './fault.ts';

const usualSize = 100;
const mostItems = 1000;
/** A message has at most 4 MiB. */
const mostBytes = 3 * 2 ** 20;

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/**
 * The items after the one that the token names, in the list's own order. Where items hold texts of others, `bytesOf` has a page end
 * before its message would be too long to be sent; one item is always there.
 */
export function page<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { pageSize, pageToken }: PageRequest,
  bytesOf: (item: Item) => number = () => 0,
): { readonly items: readonly Item[]; readonly nextPageToken: string } {
  if (pageSize < 0) {
    throw new RpcFault('invalidArgument', 'a page cannot have fewer than no items', {
      violations: [{ field: 'page_size', description: 'must be 0 or more' }],
    });
  }
  const after = pageToken === '' ? -1 : items.findIndex((item) => keyOf(item) === pageToken);
  if (after < 0 && pageToken !== '') {
    throw new RpcFault('invalidArgument', 'the list no longer has the item where the last page ended; start again', {
      violations: [{ field: 'page_token', description: 'names no item of the list' }],
    });
  }
  const size = Math.min(pageSize === 0 ? usualSize : pageSize, mostItems);
  let room = mostBytes;
  let end = after + 1;
  for (const item of items.slice(after + 1, after + 1 + size)) {
    room -= bytesOf(item);
    if (room < 0 && end > after + 1) break;
    end += 1;
  }
  const chosen = items.slice(after + 1, end);
  const last = chosen.at(-1);
  const more = after + 1 + chosen.length < items.length;
  return { items: chosen, nextPageToken: more && last !== undefined ? keyOf(last) : '' };
}
