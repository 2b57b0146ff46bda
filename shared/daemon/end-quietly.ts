// For commands whose output somebody reads: `… | head` closes the pipe early, and that is no failure.

/** Ends the process without a word where nobody reads its output any more; any other error of the streams is one. */
export function endQuietlyWithoutReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
}
