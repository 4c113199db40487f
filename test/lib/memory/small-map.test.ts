import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SmallMap } from '../../../src/lib/memory/small-map.ts';

const change = fc.record({ remove: fc.boolean(), key: fc.integer({ min: 0, max: 5 }), value: fc.integer() });

test('A small map answers like a Map after any changes', () => {
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const map = new Map<number, number>();
      const small = new SmallMap<number>();
      for (const { remove, key, value } of changes) {
        if (remove) {
          map.delete(key);
          small.delete(key);
        } else {
          map.set(key, value);
          small.set(key, value);
        }
        expect(small.size).toBe(map.size);
        expect(small.entries()).toEqual([...map]);
        expect([...small.keys()]).toEqual([...map.keys()]);
        for (let each = 0; each <= 5; each++) {
          expect(small.has(each)).toBe(map.has(each));
          expect(small.get(each)).toBe(map.get(each));
        }
      }
    }),
  );
});
