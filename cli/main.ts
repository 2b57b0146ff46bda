// The entry of `doubleblind`. Compiled sources are kept between calls (a verb then starts in a third of the time), and that
// has to be said before any of them is loaded.

import { enableCompileCache } from 'node:module';
import { compileCacheDirectory } from './compile-cache.ts';

enableCompileCache(compileCacheDirectory);
await import('./process.ts');
