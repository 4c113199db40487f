import { type ComponentChildren, h } from 'preact';

type Shape = readonly [tag: 'path' | 'circle' | 'rect', attributes: Readonly<Record<string, string | number>>];

const line = (d: string, stroke: string, width = 2): Shape => [
  'path',
  { d, stroke, 'stroke-width': width, fill: 'none', 'stroke-linecap': 'round', 'stroke-linejoin': 'round' },
];
const filled = (d: string, fill: string): Shape => ['path', { d, fill }];

/**
 * Status symbols are drawn here, because a machine without a colour font shows them in black and white. Drawing area:
 * 16 × 16.
 */
const DRAWN: Readonly<Record<string, readonly Shape[]>> = {
  white_check_mark: [
    ['rect', { x: 1, y: 1, width: 14, height: 14, rx: 3, fill: '#2a9d5c' }],
    line('M4.5 8.3 7 10.8 11.5 5.6', '#fff'),
  ],
  heavy_check_mark: [line('M3 8.5 6.5 12 13 4.5', '#2a9d5c', 2.6)],
  x: [line('M3.5 3.5 12.5 12.5 M12.5 3.5 3.5 12.5', '#d92d43', 2.8)],
  warning: [
    filled('M8 1.2 15.4 14.4H.6Z', '#f2b01e'),
    filled('M7.1 5.6h1.8l-.3 4.7H7.4Z', '#3a2c00'),
    ['circle', { cx: 8, cy: 12.2, r: 1, fill: '#3a2c00' }],
  ],
  no_entry: [
    ['circle', { cx: 8, cy: 8, r: 7, fill: '#d92d43' }],
    ['rect', { x: 3.6, y: 6.6, width: 8.8, height: 2.8, rx: 0.6, fill: '#fff' }],
  ],
  grey_question: [
    line('M5.4 5.6a2.7 2.7 0 1 1 4 2.4c-1 .6-1.4 1-1.4 2', '#8d8f94', 2.2),
    ['circle', { cx: 8, cy: 13, r: 1.3, fill: '#8d8f94' }],
  ],
  white_circle: [['circle', { cx: 8, cy: 8, r: 6, fill: '#fff', stroke: '#9a9ca1', 'stroke-width': 1.6 }]],
  hourglass_flowing_sand: [
    line('M4 2h8 M4 14h8', '#8a6a3b', 1.8),
    filled('M5 2.8h6c0 2.6-2 3.6-2.4 5.2C9 9.6 11 10.6 11 13.2H5c0-2.6 2-3.6 2.4-5.2C7 6.4 5 5.4 5 2.8Z', '#c9dcea'),
    filled('M5.6 13c.2-1.6 1.4-2.2 2.4-2.2s2.2.6 2.4 2.2Z M6.2 5h3.6L8 7.4Z', '#d9a441'),
  ],
  heavy_minus_sign: [line('M3 8h10', '#8d8f94', 2.6)],
  robot_face: [
    line('M8 3V1.4', '#7b8794', 1.6),
    ['rect', { x: 2, y: 3, width: 12, height: 11, rx: 2.4, fill: '#9fb3c8' }],
    ['circle', { cx: 5.6, cy: 7.4, r: 1.5, fill: '#fff' }],
    ['circle', { cx: 10.4, cy: 7.4, r: 1.5, fill: '#fff' }],
    line('M5.4 11.2h5.2', '#486581', 1.4),
  ],
  lock: [
    line('M5 7V5a3 3 0 0 1 6 0v2', '#8d8f94', 1.8),
    ['rect', { x: 3, y: 7, width: 10, height: 7.4, rx: 1.6, fill: '#e0a526' }],
  ],
};

/** Frequent emoji, drawn by the font of the machine. */
const CHARACTERS: Readonly<Record<string, string>> = {
  '+1': '👍',
  thumbsup: '👍',
  '-1': '👎',
  thumbsdown: '👎',
  tada: '🎉',
  eyes: '👀',
  fire: '🔥',
  rocket: '🚀',
  wave: '👋',
  heart: '❤️',
  smile: '😄',
  thinking_face: '🤔',
  pray: '🙏',
  bulb: '💡',
  memo: '📝',
  bell: '🔔',
  rotating_light: '🚨',
  octagonal_sign: '🛑',
  arrow_right: '➡️',
  information_source: 'ℹ️',
};

/** The emoji with this name, or the name between colons when it is unknown. */
export function emoji(name: string): ComponentChildren {
  const shapes = Object.hasOwn(DRAWN, name) ? DRAWN[name] : undefined;
  if (shapes)
    return h(
      'svg',
      { class: 'emoji', viewBox: '0 0 16 16', role: 'img', 'aria-label': `:${name}:` },
      shapes.map(([tag, attributes]) => h(tag, attributes)),
    );
  const character = Object.hasOwn(CHARACTERS, name) ? CHARACTERS[name] : undefined;
  return character === undefined ? `:${name}:` : h('span', { role: 'img', 'aria-label': `:${name}:` }, character);
}

/** Plain text with its emoji names replaced by symbols. */
export const withEmoji = (text: string): ComponentChildren[] =>
  text.split(/(:[a-z0-9_+-]+:)/).flatMap((part, at) => {
    if (part === '') return [];
    return at % 2 === 0 ? [part] : [emoji(part.slice(1, -1))];
  });
