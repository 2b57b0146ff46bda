// Flags of Node that whoever starts a daemon gives it: the units of deploy/systemd (their test compares), `doubleblind up`, the
// benchmarks. V8 reads them before a program's first line, so a daemon cannot set them itself.

/** By the name of the daemon; none where it is not here. */
export const nodeFlags: Readonly<Record<string, readonly string[]>> = {
  /**
   * A submission leaves little that lives on, but V8 lets the space of young objects grow to 48 MB and collects the buffers that
   * they hold as late. With 1 MB the process takes 95 MB instead of 129 when it starts, and up to 70 MB less under a million rows.
   */
  evaluator: ['--max-semi-space-size=1'],
  /**
   * Of a fleet of a thousand hosts little lives on either, and 2 × 64 MB of young objects are an eighth of its memory. What a call leaves
   * behind V8 takes for old all the same, because HTTP/2 streams have handles, and lets the heap grow to two and a half times what lives
   * before it looks: with a fold of 100,000 candidates before it, 1.05 to 1.13 GB at the most where 1.4 times need 0.85.
   */
  coordinator: ['--max-semi-space-size=16', '--heap-growing-percent=40'],
};
