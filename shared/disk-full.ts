// Whether a failure is a full disk: somebody has to make room, and then the same works.

/** Also where a library of ours says it of something that it could not write. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ('code' in error && error.code === 'ENOSPC') ||
    isDiskFull(error.cause) ||
    /database or disk is full/.test(error.message)
  );
}
