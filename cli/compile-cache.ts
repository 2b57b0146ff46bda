// Where compiled sources are kept. Daemons and command processes that we start use it as well.

import { join } from 'node:path';

/**
 * In the checkout, beside the Node that it belongs to, unless the environment names a place as the installed package does; where
 * it cannot be written nothing is kept.
 */
export const compileCacheDirectory =
  process.env['NODE_COMPILE_CACHE'] ?? join(import.meta.dirname, '..', '.runtime', 'compile-cache');
