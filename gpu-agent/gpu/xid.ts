// What the NVIDIA driver writes into the kernel's log when a GPU has failed: "Xid". Pure. nvidia-smi does not tell them.
// Numbers and meanings: NVIDIA's "Xid Errors" (docs.nvidia.com/deploy/xid-errors).

export interface Xid {
  /** As nvidia-smi writes it, without the domain's leading zeros: `0000:65:00`. */
  readonly bus: string;
  readonly code: number;
}

/** Those after which nothing that a GPU computes can be trusted until it is reset. What a program does wrong (13, 31, 43, 45 …) is none. */
const failures: ReadonlyMap<number, string> = new Map([
  [48, 'an uncorrectable memory error (ECC)'],
  [62, 'its microcontroller halted'],
  [63, 'a memory row is to be remapped at the next reset'],
  [64, 'a memory row could not be remapped'],
  [74, 'its NVLink failed'],
  [79, 'it has fallen off the bus'],
  [94, 'a contained memory error (ECC)'],
  [95, 'an uncontained memory error (ECC)'],
  [119, 'its system processor (GSP) does not answer'],
  [120, 'its system processor (GSP) failed'],
  [140, 'an uncorrectable memory error (ECC) that it did not recover from'],
  [143, 'it could not be made ready'],
  [154, 'the driver wants it reset, or the host rebooted'],
]);
/** Told whenever what the driver wants has changed, also to nothing (0x0). */
const recoveryAction = 154;
const wantsNothing = /\bto 0x0\b/i;

/** Such as `NVRM: Xid (PCI:0000:65:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.` */
export function parseXid(line: string): Xid | undefined {
  const [, bus, code] =
    /\bNVRM: Xid \(PCI:([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2})[^)]*\): (\d{1,4})\b/.exec(line) ?? [];
  if (bus === undefined || (Number(code) === recoveryAction && wantsNothing.test(line))) return undefined;
  return { bus: busOf(bus), code: Number(code) };
}

/** Why a GPU cannot be used after it; undefined where it can. */
export function failureOf(code: number): string | undefined {
  const what = failures.get(code);
  return what && `Xid ${code}: ${what}; reset it (nvidia-smi --gpu-reset) or reboot the host, then restart the agent`;
}

/** `00000000:65:00.0`, as nvidia-smi writes it, or `0000:65:00`, as the kernel does, in one form. */
export function busOf(text: string): string {
  const [domain = '', bus = '', device = ''] = text
    .toLowerCase()
    .replace(/\.\d+$/, '')
    .split(':');
  return `${domain.replace(/^0+/, '').padStart(4, '0')}:${bus}:${device}`;
}
