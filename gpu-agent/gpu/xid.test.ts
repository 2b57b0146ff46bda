// Lines as the kernel logs of real hosts have them, from NVIDIA's documentation and public reports.

import { EventEmitter, once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { followKernelLog } from './kernel-log.ts';
import { busOf, failureOf, parseXid, type Xid } from './xid.ts';

const lost = "NVRM: Xid (PCI:0000:65:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.";

test.each([
  [lost, { bus: '0000:65:00', code: 79 }],
  ['[1153.1] NVRM: Xid (PCI:0000:CA:00): 48, pid=1234, Ch 00000010', { bus: '0000:ca:00', code: 48 }],
  [
    'NVRM: Xid (PCI:0000:65:00 GPU-I:02): 94, pid=7194, name=python, Contained: SM (0x1)',
    { bus: '0000:65:00', code: 94 },
  ],
  [
    'NVRM: Xid (PCI:0000:65:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)',
    { bus: '0000:65:00', code: 154 },
  ],
  [
    'NVRM: Xid (PCI:0000:65:00): 154, GPU recovery action changed from 0x1 (GPU Reset Required) to 0x0 (None)',
    undefined,
  ],
  ['NVRM: GPU at PCI:0000:65:00: GPU-fcf41002-68b6-5900-d7d1-74026173bb44', undefined],
  ['Xid (PCI:0000:65:00): 79 is what a program printed', undefined],
  ['NVRM: Xid (PCI:zz): 79', undefined],
])('%s', (line, xid) => {
  expect(parseXid(line)).toEqual(xid);
});

test('failures of the device are told apart from those of a program, and a bus has one form', () => {
  for (const code of [48, 63, 64, 79, 94, 95, 119, 140, 143, 154]) expect(failureOf(code)).toContain(`Xid ${code}: `);
  for (const code of [13, 31, 43, 45]) expect(failureOf(code)).toBeUndefined();
  expect([busOf('00000000:CA:00.0'), busOf('0000:ca:00'), busOf('00010000:0A:00.0')]).toEqual([
    '0000:ca:00',
    '0000:ca:00',
    '10000:0a:00',
  ]);
});

/** A stand-in for journalctl. */
function program(script: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'doubleblind-kernel-')), 'journalctl');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('what the kernel logs is heard when it is written, and nothing is left running', async () => {
  const path = program(`trap 'echo > "$0.ended"; exit' TERM; echo "$*"; echo "${lost}"; while :; do sleep 0.05; done`);
  const heard = new EventEmitter();
  const faults = followKernelLog({ clock: systemClock, log: silentLogger, program: path });
  const listening = faults.listen((xid) => heard.emit('xid', xid));
  expect((await once(heard, 'xid'))[0] satisfies Xid).toEqual({ bus: '0000:65:00', code: 79 });
  listening.stop();
  await vi.waitFor(() => expect(existsSync(`${path}.ended`)).toBe(true), { timeout: 10_000 });
});

test('what is logged while journalctl is started again is heard then', async () => {
  const path = program(`echo "$*" >> "$0.asked"; case "$*" in *--since*) echo "${lost}"; exec sleep 60;; esac`);
  const heard = new EventEmitter();
  // Waits are over at once.
  const clock = { ...systemClock, after: (_: number, fn: () => void) => systemClock.after(1, fn) };
  const listening = followKernelLog({ clock, log: silentLogger, program: path }).listen((xid) =>
    heard.emit('xid', xid),
  );
  await once(heard, 'xid');
  const asked = readFileSync(`${path}.asked`, 'utf8').trim().split('\n');
  expect(asked[0]).toContain('--lines=0');
  expect(asked[1]).toMatch(/--since=@\d+ --lines=all$/);
  listening.stop();
});

test.each([
  ['/nowhere/journalctl', /ENOENT/],
  [program('echo "No journal files were opened due to insufficient permissions." >&2; exit 1'), /insufficient/],
])('where the log cannot be followed that is told: %s', async (path, reason) => {
  const told: unknown[] = [];
  const log = { ...silentLogger, warn: (about: unknown) => told.push(about) } as unknown as typeof silentLogger;
  const listening = followKernelLog({ clock: systemClock, log, program: path }).listen(() => undefined);
  await vi.waitFor(() => expect(told).toEqual([{ reason: expect.stringMatching(reason) }]), { timeout: 10_000 });
  listening.stop();
});
