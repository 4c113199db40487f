import { type ComponentChildren, h } from 'preact';
import { type JsonRecord, recordOf, textOf } from '../../../slack/rules/json.ts';

/** The address of a picture on this page, or undefined. The page loads nothing from other sites. */
function addressOf(image: JsonRecord): string | undefined {
  const id = textOf(recordOf(image.slack_file).id);
  if (id !== undefined) return `/sandbox/files/${encodeURIComponent(id)}`;
  const url = textOf(image.image_url);
  return url !== undefined && /^(data:image\/|\/(?!\/))/.test(url) ? url : undefined;
}

/** A picture. One from another site is shown as a link with its name. */
export function picture(image: JsonRecord, className: string): ComponentChildren {
  const alt = textOf(image.alt_text) ?? '';
  const src = addressOf(image);
  if (src !== undefined) return h('img', { class: className, src, alt });
  const url = textOf(image.image_url) ?? '';
  return h('span', { class: 'quiet' }, [
    'Picture: ',
    /^https?:\/\//.test(url)
      ? h('a', { href: url, target: '_blank', rel: 'noreferrer noopener' }, alt === '' ? url : alt)
      : alt,
  ]);
}
