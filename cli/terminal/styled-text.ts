// Text with colour codes in it, measured and cut by what is seen.

// biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with a control character
const codes = /\u001b\[[0-9;]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above; the group makes split keep the codes
const codesKept = /(\u001b\[[0-9;]*m)/;

/** Characters that are seen. */
function visibleLength(text: string): number {
  return [...text.replace(codes, '')].length;
}

/** Cuts to `width` seen characters, keeping every colour code so that colours end where they should. */
export function shortenStyled(text: string, width: number): string {
  if (visibleLength(text) <= width) return text;
  let seen = 0;
  let cut = false;
  const parts = text.split(codesKept).map((part) => {
    if (part.startsWith('\u001b[')) return part;
    if (cut) return '';
    const characters = [...part];
    const room = width - 1 - seen;
    if (characters.length <= room) {
      seen += characters.length;
      return part;
    }
    cut = true;
    return `${characters.slice(0, Math.max(0, room)).join('')}…`;
  });
  return parts.join('');
}
