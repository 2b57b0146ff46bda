// A list that is always sorted, in pieces: taking an item in moves the neighbours in its piece, not all that are behind it.
// At 10⁵ items a plain array's splice took 120 µs, which was a third of what an event cost there. Plain data, like all of the state.
//
// Invariants: 1. no piece is empty or has more than `most` items; 2. the pieces one after the other are sorted; 3. `length` is that of all.

const most = 512;

export interface OrderedList<Item> {
  readonly pieces: Item[][];
  length: number;
}

export function emptyList<Item>(): OrderedList<Item> {
  return { pieces: [], length: 0 };
}

/** The item at a place from 0, or from the end where it is negative; undefined where there is none. */
export function itemAt<Item>({ pieces, length }: OrderedList<Item>, index: number): Item | undefined {
  let left = index < 0 ? index + length : index;
  if (left < 0) return undefined;
  for (const piece of pieces) {
    if (left < piece.length) return piece[left];
    left -= piece.length;
  }
  return undefined;
}

/** Takes an item in; true where it is the last now. `isBelow` is a strict order, the same for all of the list's life. */
export function insertOrdered<Item>(
  list: OrderedList<Item>,
  item: Item,
  isBelow: (left: Item, right: Item) => boolean,
): boolean {
  const { pieces } = list;
  list.length += 1;
  const last = pieces.length - 1;
  const place = Math.min(
    Math.max(0, last),
    lowest(pieces.length, (index) => isBelow(item, pieces[index]?.at(-1) as Item)),
  );
  const piece = pieces[place];
  if (piece === undefined) pieces.push([item]);
  else {
    const within = lowest(piece.length, (index) => isBelow(item, piece[index] as Item));
    piece.splice(within, 0, item);
    if (piece.length > most) pieces.splice(place, 1, piece.slice(0, most / 2), piece.slice(most / 2));
  }
  return pieces.at(-1)?.at(-1) === item;
}

/** Takes the first item out for which `test` holds, where there is one. */
export function removeFirst<Item>(list: OrderedList<Item>, test: (item: Item) => boolean): void {
  for (const [place, piece] of list.pieces.entries()) {
    const index = piece.findIndex(test);
    if (index < 0) continue;
    piece.splice(index, 1);
    if (piece.length === 0) list.pieces.splice(place, 1);
    list.length -= 1;
    return;
  }
}

/** The last `count` items, in order. */
export function lastOf<Item>({ pieces }: OrderedList<Item>, count: number): Item[] {
  const found: Item[] = [];
  for (let place = pieces.length - 1; place >= 0 && found.length < count; place -= 1) {
    const piece = pieces[place] ?? [];
    found.unshift(...piece.slice(Math.max(0, piece.length - (count - found.length))));
  }
  return found;
}

/** All items, in order. */
export function itemsOf<Item>({ pieces }: OrderedList<Item>): Item[] {
  return pieces.flat();
}

/** The lowest index below `size` for which `test` holds, `size` where there is none; it must hold for all above that. */
function lowest(size: number, test: (index: number) => boolean): number {
  let [low, high] = [0, size];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
