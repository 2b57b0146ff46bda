// Errors as one line of text.

/** The message of a thrown value and of its causes, outermost first, without stack traces. */
export function messageChain(error: unknown): string {
  const messages: string[] = [];
  let current = error;
  for (let depth = 0; depth < 8 && current !== undefined && current !== null; depth += 1) {
    messages.push(current instanceof Error ? current.message : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return messages.filter((message) => message !== '').join(': ');
}
