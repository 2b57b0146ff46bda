// Wheels made by hand: a zip with stored entries. For tests only.

import { crc32 } from 'node:zlib';
import { sha256 } from '../../shared/store/digest.ts';

export interface TestWheel {
  readonly fileName: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

/** A pure wheel with one module of that name. */
export function makeWheel(name: string, version: string, code: string, requires: readonly string[] = []): TestWheel {
  const info = `${name}-${version}.dist-info`;
  const required = requires.map((one) => `Requires-Dist: ${one}\n`).join('');
  const files: [string, string][] = [
    [`${name}.py`, code],
    [`${info}/METADATA`, `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n${required}`],
    [`${info}/WHEEL`, 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n'],
  ];
  const record = [...files.map(([path]) => `${path},,`), `${info}/RECORD,,`].join('\n');
  const bytes = zip([...files, [`${info}/RECORD`, `${record}\n`]]);
  return { fileName: `${name}-${version}-py3-none-any.whl`, bytes, sha256: sha256(bytes) };
}

/** Local headers with their bytes, then the directory, then its end (APPNOTE.TXT, 4.3). */
function zip(files: readonly (readonly [string, string])[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of files) {
    const [name, content] = [Buffer.from(path), Buffer.from(text)];
    // Version 2.0, no flags, stored, midnight of 1 January 1980.
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x21, 8);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(0o100644 * 0x10000, 6);
    entry.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), fields, entry, name]));
    const body = Buffer.concat([Buffer.from('PK\x03\x04'), fields, name, content]);
    bodies.push(body);
    offset += body.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, central, end]);
}
