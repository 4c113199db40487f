import { visibleSpelling } from '../../../lib/look-alike.ts';
import { code } from '../kit/escape.ts';
import { count } from '../kit/format.ts';

/** Names that differ only in kinds of space, quotes, dashes or Unicode: shown in a spelling that can be typed. */
export const lookAlikeLines = ({
  what,
  typed,
  names,
}: {
  readonly what: 'image' | 'person';
  readonly typed: string;
  readonly names: readonly string[];
}): readonly [string, string] => [
  `Nothing was done: no ${what === 'person' ? 'person' : 'image'} is called exactly ${code(typed, 150)}, and ${count(names.length)} look like it: ${names
    .map((name) => code(visibleSpelling(name), 300))
    .join(', ')}.`,
  'Type or copy the name that you mean exactly as it is shown here.',
];
