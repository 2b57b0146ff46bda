// Pages of a list: sizes with bounds, and tokens that mean "after this key".

import { RpcFault } from '../../shared/rpc/fault.ts';

export interface Page {
  readonly size: number;
  /** The key that the earlier page ended with; empty on the first. */
  readonly after: string;
  tokenAfter(key: string): string;
}

const [defaultSize, largestSize] = [100, 1000];
const tokenPrefix = 'after:';

/** Decodes a request for a page. */
export function pageOf(request: { pageSize: number; pageToken: string }): Page {
  if (request.pageSize < 0) throw invalid('page_size', 'must not be negative');
  const decoded = Buffer.from(request.pageToken, 'base64url').toString('utf8');
  if (request.pageToken !== '' && !decoded.startsWith(tokenPrefix))
    throw invalid('page_token', 'was not made by this service');
  return {
    size: Math.min(largestSize, request.pageSize === 0 ? defaultSize : request.pageSize),
    after: decoded.slice(tokenPrefix.length),
    tokenAfter: (key) => Buffer.from(`${tokenPrefix}${key}`).toString('base64url'),
  };
}

function invalid(field: string, description: string): RpcFault {
  return new RpcFault('invalidArgument', `${field} ${description}`, { violations: [{ field, description }] });
}
