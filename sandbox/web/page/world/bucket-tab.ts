import { type ComponentChildren, h } from 'preact';
import { useState } from 'preact/hooks';
import { type JsonRecord, recordsOf, textOf } from '../../../slack/rules/json.ts';
import { put, remove } from '../api.ts';
import { moreButton, rows } from './rows.ts';

const addressOf = (key: string) => `/aws/sandbox/object?key=${encodeURIComponent(key)}`;

/** The images of the bucket: view, remove, add. */
export function BucketTab({
  bucket,
  more,
  tell,
}: {
  bucket: JsonRecord;
  more: () => void;
  /** Called with the result of a change. */
  tell: (answer: JsonRecord) => Promise<void>;
}): ComponentChildren {
  const [opened, setOpened] = useState('');
  const objects = recordsOf(bucket.objects);
  const upload = async (files: readonly File[]) => {
    for (const file of files) await tell(await put(addressOf(`uploaded/${file.name}`), file));
  };
  if (opened !== '')
    return h('div', { class: 'tab-body' }, [
      h('button', { type: 'button', class: 'link', onClick: () => setOpened('') }, '← All images'),
      h('figure', { class: 'image' }, [
        h('figcaption', {}, opened),
        h('img', { class: 'picture', src: addressOf(opened), alt: `The image ${opened}` }),
      ]),
      h(
        'button',
        {
          type: 'button',
          class: 'button small danger',
          'data-remove': 'yes',
          onClick: () =>
            void remove(addressOf(opened))
              .then(tell)
              .then(() => setOpened('')),
        },
        'Remove it from the bucket',
      ),
    ]);
  return h('div', { class: 'tab-body' }, [
    h('p', { class: 'quiet' }, textOf(bucket.bucket) ?? ''),
    rows(
      'Images of the bucket',
      ['Image', 'Bytes'],
      objects.map(({ key, size }) => [
        h('button', { type: 'button', class: 'link', onClick: () => setOpened(String(key)) }, String(key)),
        String(size),
      ]),
    ),
    h('p', { class: 'quiet' }, bucket.more === true ? `The first ${objects.length}` : `${objects.length} images`),
    h('div', { class: 'actions' }, [
      bucket.more === true ? moreButton(more) : null,
      h('label', { class: 'button small', for: 'bucket-upload' }, 'Put images in…'),
      h('input', {
        id: 'bucket-upload',
        class: 'hidden',
        type: 'file',
        accept: 'image/*',
        multiple: true,
        onChange(event: Event) {
          if (event.target instanceof HTMLInputElement) void upload([...(event.target.files ?? [])]);
        },
      }),
    ]),
  ]);
}
