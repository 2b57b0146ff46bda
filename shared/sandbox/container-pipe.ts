// The bytes to and from the first process of a container, out of the engine's multiplexed stream.

import type { Duplex } from 'node:stream';

/** A byte stream to the first process of a container and back. */
export interface ContainerPipe {
  write(data: string): void;
  /** Set once, before anything is written. */
  listen(onData: (chunk: Buffer) => void, onEnd: (reason: string) => void): void;
  close(): void;
}

/** What a container may send before its reader is asked: header, then payload of at most this many bytes. */
const longestFrame = 4 * 2 ** 20;

/** Standard output of a frame stream: 1 byte kind, 3 zero, 4 length, payload. Input goes as it is. */
export function pipeOf(stream: Duplex): ContainerPipe {
  let buffered: Buffer = Buffer.alloc(0);
  return {
    write: (data) => {
      stream.write(data);
    },
    listen: (onData, onEnd) => {
      stream.on('data', (chunk: Buffer) => {
        buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
        while (buffered.length >= 8) {
          const size = buffered.readUInt32BE(4);
          if (size > longestFrame) {
            onEnd('the engine sent a frame that is too long');
            return;
          }
          if (buffered.length < 8 + size) return;
          if (buffered[0] === 1) onData(buffered.subarray(8, 8 + size));
          buffered = buffered.subarray(8 + size);
        }
      });
      stream.on('error', (error) => onEnd(error.message));
      stream.on('end', () => onEnd('it was closed'));
      stream.on('close', () => onEnd('it was closed'));
      stream.resume();
    },
    close: () => {
      stream.destroy();
    },
  };
}
