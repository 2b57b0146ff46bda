// What a test measured, in words: printed, and kept beside its result for docs/security-report.md.

declare module 'vitest' {
  interface TaskMeta {
    measured?: string[];
  }
}

/** Notes a measurement of the running test. */
export function measured(task: { readonly meta: { measured?: string[] } }, text: string): void {
  task.meta.measured = [...(task.meta.measured ?? []), text];
  process.stdout.write(`${text}\n`);
}
