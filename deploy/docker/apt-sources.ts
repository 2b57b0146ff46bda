// Picks out of a machine's apt configuration what a Debian base image needs, so that the image is fed from the same place
// as the machine. Pure.

/** The stanzas (`.sources`) or lines (`.list`) that serve Debian's own packages for the suite; '' where there are none. */
export function debianSources(fileName: string, text: string, suite: string): string {
  return fileName.endsWith('.sources') ? stanzasFor(text, suite) : linesFor(text, suite);
}

/** Proxy and validity settings out of `apt-config dump`, as options for mmdebstrap. */
export function aptOptions(dump: string): string[] {
  const wanted = /^Acquire::(?:https?::Proxy|Check-Valid-Until|Check-Date) "[^"]+";$/;
  return dump
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => wanted.test(line))
    .map((line) => line.slice(0, -1));
}

/** Keys of others do not exist in the new image, so sources signed by them cannot be used there. */
const debianKeyring = /debian-archive-[a-z-]*keyring\.(?:gpg|pgp)$/;

function stanzasFor(text: string, suite: string): string {
  const kept = text.split(/\n\s*\n/).filter((stanza) => {
    const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'mi').exec(stanza)?.[1]?.trim() ?? '';
    const suites = field('Suites').split(/\s+/);
    const signedBy = field('Signed-By');
    return (
      field('Types').split(/\s+/).includes('deb') &&
      field('Enabled').toLowerCase() !== 'no' &&
      suites.every((name) => name === suite || name.startsWith(`${suite}-`)) &&
      field('Components').split(/\s+/).includes('main') &&
      (signedBy === '' || debianKeyring.test(signedBy))
    );
  });
  return kept.length === 0 ? '' : `${kept.map((stanza) => stanza.trim()).join('\n\n')}\n`;
}

function linesFor(text: string, suite: string): string {
  const kept = text.split('\n').filter((line) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?\S+\s+(\S+)\s+(.*)$/.exec(line.trim());
    if (!match) return false;
    const [, options = '', name = '', components = ''] = match;
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1];
    return (
      (name === suite || name.startsWith(`${suite}-`)) &&
      components.split(/\s+/).includes('main') &&
      (signedBy === undefined || debianKeyring.test(signedBy))
    );
  });
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`;
}
