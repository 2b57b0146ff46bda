// Pointers of Git LFS: what a clone has in place of a large file until `git lfs pull` was run. They read as small texts, so they
// are told apart before anything else is made of them.

const start = 'version https://git-lfs.github.com/spec/';

/** What is said of one, after the name of its file. */
export const lfsPointerMessage = 'this is a pointer of Git LFS, not the file itself';
export const lfsPointerRemedy = 'Run `git lfs pull` in the clone that it came from, then try again';

/** Whether a file that begins with these bytes is such a pointer. */
export function isLfsPointer(bytes: Uint8Array): boolean {
  if (bytes.length < start.length) return false;
  for (let at = 0; at < start.length; at += 1) if (bytes[at] !== start.charCodeAt(at)) return false;
  return true;
}
