import { expect, test } from 'vitest';
import { messageLimitBytes } from './definitions.ts';
import { page } from './page.ts';

const items = Array.from({ length: 1000 }, (_, index) => ({ id: `i${index}`, text: 'x'.repeat(18_000) }));
const bytesOf = ({ text }: { text: string }): number => text.length;

test('a page of long items ends before its message is too long, and the pages together have all of them once', () => {
  const seen: string[] = [];
  for (let pageToken = ''; ; ) {
    const found = page(items, ({ id }) => id, { pageSize: 1000, pageToken }, bytesOf);
    expect(found.items.reduce((sum, item) => sum + bytesOf(item), 0)).toBeLessThan(messageLimitBytes);
    seen.push(...found.items.map(({ id }) => id));
    pageToken = found.nextPageToken;
    if (pageToken === '') break;
  }
  expect(seen).toEqual(items.map(({ id }) => id));
});

test('one item that is too long by itself is a page, and short ones fill theirs', () => {
  const request = { pageSize: 10, pageToken: '' };
  expect(
    page(
      items,
      ({ id }) => id,
      request,
      () => 2 ** 30,
    ).items,
  ).toHaveLength(1);
  expect(page(items, ({ id }) => id, request).items).toHaveLength(10);
});
