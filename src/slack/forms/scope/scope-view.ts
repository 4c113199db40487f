import type { KnownBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import { defined } from '../../../lib/defined.ts';
import { readJson } from '../../../lib/json.ts';
import type { ProfilePart } from '../../../pipeline/profile/profile.ts';
import type { NamedPerson } from '../../../run/scope/people-index.ts';
import { MOST_PEOPLE, type ScopeCriteria, type ScopeRequest } from '../../../run/scope/scope.ts';
import { shorten, UNSEEN } from '../../messages/kit/escape.ts';
import type { UploadedFile } from '../deploy-forms.ts';

export const CHOOSE_SCOPE = 'choose_scope';
/** The ids of the blocks, and of the element in each. */
export const SCOPE_FIELD = {
  people: 'scope_people',
  from: 'scope_from',
  to: 'scope_to',
  changedSince: 'scope_changed_since',
  failed: 'scope_failed',
  images: 'scope_images',
  file: 'scope_file',
} as const;

/** Slack's limit of an option's value: a longer name cannot be chosen, only typed in the command. */
const MOST_VALUE = 150;

const plain = (text: string) => ({ type: 'plain_text' as const, text });

/** One line, and never empty, because Slack refuses that. */
const optionText = (text: string): string => shorten(text.replace(UNSEEN, ' ').trim(), 75) || '(no name)';

/** A person as an option of the picker; undefined where the name does not fit. */
export const personOption = ({ name, displayName }: NamedPerson) =>
  name === '' || name.length > MOST_VALUE
    ? undefined
    : { text: plain(optionText(displayName ?? name.replaceAll('_', ' '))), value: name };

/** The fields that need a part of the profile. */
const FIELDS_OF: Readonly<Record<ProfilePart, readonly string[]>> = {
  person: [SCOPE_FIELD.people],
  date: [SCOPE_FIELD.from, SCOPE_FIELD.to],
};

const FAILED = { text: plain('Only images that failed'), value: 'failed' };

/**
 * The form in which the scope of a rescan is chosen, filled in from the scope that it has now. `lacks`: what the profile of the pipeline
 * does not know, so that the form does not offer it.
 */
export function scopeView(
  channel: string,
  now: ScopeCriteria | undefined,
  lacks: readonly ProfilePart[] = [],
): ModalView {
  const people = (now?.people ?? []).flatMap((name) => personOption({ name }) ?? []);
  const date = (block: string, label: string, initial: string | undefined, hint?: string): KnownBlock => ({
    type: 'input',
    block_id: block,
    optional: true,
    label: plain(label),
    ...(hint === undefined ? {} : { hint: plain(hint) }),
    element: { type: 'datepicker', action_id: block, ...(initial === undefined ? {} : { initial_date: initial }) },
  });
  const blocks: KnownBlock[] = [
    {
      type: 'input',
      block_id: SCOPE_FIELD.people,
      optional: true,
      label: plain('People'),
      hint: plain('Type a part of a name. Every image with a record of one of these people.'),
      element: {
        type: 'multi_external_select',
        action_id: SCOPE_FIELD.people,
        placeholder: plain('Type a name'),
        min_query_length: 1,
        max_selected_items: MOST_PEOPLE,
        ...(people.length > 0 ? { initial_options: people } : {}),
      },
    },
    date(SCOPE_FIELD.from, 'From', now?.from, 'The first and last day of the records, both included.'),
    date(SCOPE_FIELD.to, 'To', now?.to),
    date(SCOPE_FIELD.changedSince, 'Uploaded or changed since', now?.changedSince),
    {
      type: 'input',
      block_id: SCOPE_FIELD.failed,
      optional: true,
      label: plain('Failed images'),
      element: {
        type: 'checkboxes',
        action_id: SCOPE_FIELD.failed,
        options: [FAILED],
        ...(now?.failed ? { initial_options: [FAILED] } : {}),
      },
    },
    {
      type: 'input',
      block_id: SCOPE_FIELD.images,
      optional: true,
      label: plain('Images'),
      hint: plain('One key per line.'),
      element: { type: 'plain_text_input', action_id: SCOPE_FIELD.images, multiline: true, max_length: 3_000 },
    },
    {
      type: 'input',
      block_id: SCOPE_FIELD.file,
      optional: true,
      label: plain('A file with images'),
      hint: plain('A CSV with the column ImageKey, such as those of this bot, or a text with one key per line.'),
      element: { type: 'file_input', action_id: SCOPE_FIELD.file, filetypes: ['csv', 'txt'], max_files: 1 },
    },
  ];
  return {
    type: 'modal',
    callback_id: CHOOSE_SCOPE,
    private_metadata: JSON.stringify({ channel }),
    title: plain('Scope of the rescan'),
    submit: plain('Set the scope'),
    close: plain('Cancel'),
    blocks: blocks.filter(({ block_id: id = '' }) => !lacks.some((part) => FIELDS_OF[part].includes(id))),
  };
}

const channelSchema = z.strictObject({ channel: z.string() });
export const readScopeChannel = (metadata: string): string | undefined => readJson(channelSchema, metadata)?.channel;

const options = z.array(z.looseObject({ value: z.string() })).nullish();
const of = <T extends z.ZodType>(name: string, element: T) => z.looseObject({ [name]: element }).optional();
const chosen = z.looseObject({ selected_options: options });
const day = z.looseObject({ selected_date: z.string().nullish() });
const files = z.looseObject({
  files: z.array(z.looseObject({ name: z.string(), size: z.number(), url_private_download: z.string() })).nullish(),
});
const valuesSchema = z.looseObject({
  [SCOPE_FIELD.people]: of(SCOPE_FIELD.people, chosen),
  [SCOPE_FIELD.from]: of(SCOPE_FIELD.from, day),
  [SCOPE_FIELD.to]: of(SCOPE_FIELD.to, day),
  [SCOPE_FIELD.changedSince]: of(SCOPE_FIELD.changedSince, day),
  [SCOPE_FIELD.failed]: of(SCOPE_FIELD.failed, chosen),
  [SCOPE_FIELD.images]: of(SCOPE_FIELD.images, z.looseObject({ value: z.string().nullish() })),
  [SCOPE_FIELD.file]: of(SCOPE_FIELD.file, files),
});

/** What was filled in: the criteria, and the file whose keys are still to be read. Undefined if it is not of this form. */
export function readScopeForm(
  values: unknown,
): { readonly request: ScopeRequest; readonly file?: UploadedFile } | undefined {
  const read = valuesSchema.safeParse(values).data;
  if (!read) return;
  const people = (read[SCOPE_FIELD.people]?.[SCOPE_FIELD.people]?.selected_options ?? []).map(({ value }) => value);
  const dayOf = (name: 'from' | 'to' | 'changedSince') =>
    read[SCOPE_FIELD[name]]?.[SCOPE_FIELD[name]]?.selected_date ?? undefined;
  const images = (read[SCOPE_FIELD.images]?.[SCOPE_FIELD.images]?.value ?? '')
    .split(/\r?\n/)
    .map((key) => key.trim())
    .filter((key) => key !== '');
  const isFailed = (read[SCOPE_FIELD.failed]?.[SCOPE_FIELD.failed]?.selected_options ?? []).length > 0;
  const [file] = read[SCOPE_FIELD.file]?.[SCOPE_FIELD.file]?.files ?? [];
  return defined({
    request: defined({
      people: people.length === 0 ? undefined : people,
      images: images.length === 0 ? undefined : [...new Set(images)],
      from: dayOf('from'),
      to: dayOf('to'),
      failed: isFailed ? (true as const) : undefined,
      changedSince: dayOf('changedSince'),
    }),
    file: file && { name: file.name, bytes: file.size, url: file.url_private_download },
  });
}
