// Pages of lists that are in memory. A page token is the key of the last item that was given out.

import { RpcFault } from './fault.ts';

const usualSize = 100;
const mostItems = 1000;

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** The items after the one that the token names, in the list's own order. */
export function page<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { pageSize, pageToken }: PageRequest,
): { readonly items: readonly Item[]; readonly nextPageToken: string } {
  if (pageSize < 0) {
    throw new RpcFault('invalidArgument', 'a page cannot have fewer than no items', {
      violations: [{ field: 'pageSize', description: 'must be 0 or more' }],
    });
  }
  const after = pageToken === '' ? -1 : items.findIndex((item) => keyOf(item) === pageToken);
  if (after < 0 && pageToken !== '') {
    throw new RpcFault('invalidArgument', 'the list no longer has the item where the last page ended; start again', {
      violations: [{ field: 'pageToken', description: 'names no item of the list' }],
    });
  }
  const size = Math.min(pageSize === 0 ? usualSize : pageSize, mostItems);
  const chosen = items.slice(after + 1, after + 1 + size);
  const last = chosen.at(-1);
  const more = after + 1 + chosen.length < items.length;
  return { items: chosen, nextPageToken: more && last !== undefined ? keyOf(last) : '' };
}
