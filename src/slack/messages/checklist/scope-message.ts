import type { SetScopeRefusal } from '../../../checklist/contracts/scope-control.ts';
import type { NotRebuildable } from '../../../checklist/contracts/table-control.ts';
import { coversEverything, describeScope, type LeftOut, type Scope } from '../../../run/scope/scope.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code } from '../kit/escape.ts';
import { count, counted } from '../kit/format.ts';
import { asRefusal, compose, type Message, say } from '../kit/message.ts';
import { lookAlikeLines } from '../refusals/look-alikes.ts';
import { profileLacksLines } from '../refusals/profile-lacks.ts';
import { faultMessage } from '../refusals/refusals.ts';

const NAMED_PEOPLE = 5;
const NAMED_IMAGES = 3;

/** `people Ana Bel, Bob Ray`, as text that people typed. */
export const scopeText = ({ criteria }: Pick<Scope, 'criteria'>): string => code(describeScope(criteria), 400);

/** `217 records of 3 people, 16 images`; without people where no record names one. */
export const scopeCounts = ({ records, people, images }: Scope): string =>
  `${counted(records.total, 'record')}${people.total === 0 ? '' : ` of ${counted(people.total, 'person', 'people')}`}, ${counted(images, 'image')}`;

/** The people with the most records: `Ana_Bel (120), Bob_Ray (4), and 3 more`. */
export function namedPeople({ total, top }: Scope['people']): string {
  const named = top.slice(0, NAMED_PEOPLE).map(({ name, records }) => `${code(name, 80)} (${count(records)})`);
  return [...named, ...(total > named.length ? [`and ${count(total - named.length)} more`] : [])].join(', ');
}

/** What belongs to a scope, and which records stay although one might expect otherwise. */
export function scopeLines(scope: Scope): string[] {
  const { beyond, nameless, missing, archived, others } = scope;
  return [
    `${scopeCounts(scope)}${scope.people.total === 0 ? '' : `: ${namedPeople(scope.people)}`}.`,
    ...(beyond > 0
      ? [
          `${counted(beyond, 'of these records does', 'of these records do')} not meet the criteria, but come from the same images: the rescan replaces them, too.`,
        ]
      : []),
    ...(nameless > 0 ? [`${counted(nameless, 'record names', 'records name')} no image and stay.`] : []),
    ...(missing.records > 0 ? [`${leftOutText(missing, 'not in the bucket any more')} They stay.`] : []),
    ...(archived.images > 0 ? [`${leftOutText(archived, 'archived and cannot be read')} They stay.`] : []),
    `All other ${counted(others, 'record')} of the table stay.`,
  ];
}

/** `90 records name 30 images that are not in the bucket any more (oldest 2025-06-02; Ana_Bel (60), …).` */
function leftOutText({ images, records, examples, people, oldestDay }: LeftOut, are: string): string {
  const details = [
    ...(oldestDay === undefined ? [] : [`oldest ${code(oldestDay, 20)}`]),
    people.total > 0
      ? namedPeople(people)
      : examples
          .slice(0, NAMED_IMAGES)
          .map((key) => code(key, 120))
          .join(', '),
  ].filter((part) => part !== '');
  const shown = details.length === 0 ? '' : ` (${details.join('; ')})`;
  return `${counted(records, 'record names', 'records name')} ${counted(images, 'image that is', 'images that are')} ${are}${shown}.`;
}

/** What a flush of everything or of a scope would lose for good; empty where every record can be built again. */
export function notRebuildableLines(
  { missing, archived, nameless }: NotRebuildable,
  of: 'everything' | 'scope',
): string[] {
  const total = missing.records + archived.records + nameless;
  if (total === 0) return [];
  return [
    `:warning: *${counted(total, 'record')}${of === 'scope' ? ' of this scope' : ''} cannot be rebuilt by this rescan.*`,
    ...(missing.records > 0 ? [leftOutText(missing, 'not in the bucket any more')] : []),
    ...(archived.records > 0 ? [leftOutText(archived, 'archived and cannot be read')] : []),
    ...(nameless > 0 ? [`${counted(nameless, 'record names', 'records name')} no image.`] : []),
    ...(of === 'scope'
      ? ['These images could be read when the scope was set. To keep their records, set the scope again first.']
      : []),
  ];
}

/** The scope of the checklist, as it was set. */
export const scopeSetMessage = (scope: Scope): Message =>
  compose({
    fact: `This rescan covers ${scopeText(scope)}.`,
    lines: [
      ...scopeLines(scope),
      coversEverything(scope.criteria)
        ? '`/rescan flush` deletes exactly these records. `/rescan start` processes every image that can be read.'
        : '`/rescan flush` deletes exactly these records. `/rescan start` processes exactly these images.',
    ],
    buttons: [button(ACTION.chooseScope, 'Choose…', scope.id), button(ACTION.clearScope, 'Cover everything', scope.id)],
  });

export const noScopeMessage = (): Message =>
  compose({
    fact: 'This rescan covers everything.',
    lines: ['Limit it with the button, or with, for example, `/rescan scope people="Ana Bel, Bob Ray"`.'],
    buttons: [button(ACTION.chooseScope, 'Choose…', 'scope')],
  });

export const scopeClearedMessage = (scope: Scope): Message =>
  say(`This rescan covers everything again. Before, it covered ${scopeText(scope)}.`);

/** Why the scope was not set, and what to do. */
export const scopeRefusalMessage = (refusal: SetScopeRefusal): Message => asRefusal(describeScopeRefusal(refusal));

function describeScopeRefusal(refusal: SetScopeRefusal): Message {
  switch (refusal.reason) {
    case 'unknown-people':
      return say(
        ...refusal.people.map(({ name, suggestions }) => {
          const near = suggestions.map((known) => code(known, 80)).join(', ');
          return `No record of the table belongs to ${code(name, 80)}.${near === '' ? '' : ` Did you mean ${near}?`}`;
        }),
        'The scope was not set.',
      );
    case 'profile-lacks':
      return say(
        'The scope was not set.',
        ...profileLacksLines(refusal),
        'Limit the scope by `images=`, `changed-since=` or `failed`.',
      );
    case 'unknown-images':
      return say(
        `${counted(refusal.total, 'image is', 'images are')} neither in the bucket nor named by a record: ${refusal.images.map((key) => code(key, 120)).join(', ')}${refusal.total > refusal.images.length ? ', …' : ''}.`,
        'The scope was not set. Keys are exact: upper and lower case, spaces and slashes matter.',
      );
    case 'look-alike-images':
      return say(
        ...lookAlikeLines({ what: 'image', typed: refusal.typed, names: refusal.names }),
        'The scope was not set.',
      );
    case 'empty-scope':
      return say(
        'The scope was not set: no image in the bucket meets these criteria.',
        ...(refusal.missing.images > 0 ? [leftOutText(refusal.missing, 'not in the bucket any more')] : []),
        ...(refusal.archived.images > 0 ? [leftOutText(refusal.archived, 'archived and cannot be read')] : []),
        ...(refusal.nameless > 0
          ? [`${counted(refusal.nameless, 'record meets', 'records meet')} them and name no image.`]
          : []),
      );
    case 'scope-fixed':
      return say(
        refusal.by === 'flush'
          ? 'The scope was not changed: the flush of this rescan was already requested or done.'
          : 'The scope was not changed: the run of this rescan has started.',
        refusal.scope ? `This rescan covers ${scopeText(refusal.scope)}.` : 'This rescan covers everything.',
        'Finish it, or close it with `/rescan close`; the next rescan can have another scope.',
      );
    case 'no-scope':
      return noScopeMessage();
    case 'fault':
      return faultMessage(refusal.fault);
  }
}
