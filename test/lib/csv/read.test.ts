import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readColumn } from '../../../src/lib/csv/read.ts';
import { csvBatches, csvHeader } from '../../../src/lib/csv/write.ts';

const read = (text: string) => [...readColumn(text, 'ImageKey')];

test.each<[string, string, readonly string[]]>([
  ['commas', 'Id,ImageKey\n1,"a,b.png"\n2,c.png\n', ['a,b.png', 'c.png']],
  ['semicolons, as a spreadsheet with a decimal comma writes them', 'ImageKey;Hours\r\na b.png;7,5\r\n', ['a b.png']],
  ['tabs and a byte order mark', '\uFEFFId\tImageKey\n1\ta.png', ['a.png']],
  ['quotes and line ends in a cell', 'ImageKey\n"a ""b""\n.png"\n', ['a "b"\n.png']],
])('a column is found in a file with %s', (_, text, keys) => expect(read(text)).toEqual(keys));

test('every line of a file without the column is one value', () => {
  expect(read('a, b.png\r\n\n c.png \n')).toEqual(['a, b.png', 'c.png']);
  expect(read('')).toEqual([]);
});

test('a file of the bot gives back the keys that were written', async () => {
  const columns = [
    { name: 'Number', kind: 'number' as const, read: () => '1' },
    { name: 'ImageKey', kind: 'text' as const, read: (key: string) => key },
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.stringMatching(/^[=+@\-a-z ",.]{1,12}$/), { maxLength: 20 }), async (keys) => {
      let text = csvHeader(columns);
      for await (const { text: lines } of csvBatches(
        columns,
        (async function* () {
          yield* keys;
        })(),
      ))
        text += lines;
      expect(read(text)).toEqual(keys);
    }),
  );
});
