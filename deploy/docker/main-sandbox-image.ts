// node deploy/docker/main-sandbox-image.ts [--kind cpu|cuda] [--socket PATH]: builds the sandbox image unless it is
// there. Progress on standard error, the image's id on standard output.

import { parseArgs } from 'node:util';
import { ensureSandboxImage, SandboxImageError } from './sandbox-image.ts';

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

try {
  const { values } = parseArgs({ options: { kind: { type: 'string', default: 'cpu' }, socket: { type: 'string' } } });
  if (values.kind !== 'cpu' && values.kind !== 'cuda') throw new TypeError('--kind is cpu or cuda');
  const image = await ensureSandboxImage({
    log: (line) => console.error(line),
    kind: values.kind,
    signal: stop.signal,
    ...(values.socket === undefined ? {} : { dockerSocket: values.socket }),
  });
  console.log(image.imageId);
} catch (error) {
  if (stop.signal.aborted) {
    console.error('stopped; nothing is left behind, and the next call goes on from here');
    process.exitCode = 130;
  } else if (error instanceof SandboxImageError) {
    console.error(error.message);
    process.exitCode = 6;
  } else if (error instanceof TypeError) {
    console.error(error.message);
    process.exitCode = 2;
  } else {
    throw error;
  }
}
