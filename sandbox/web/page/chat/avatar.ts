import { type ComponentChildren, h } from 'preact';

const PEOPLE_COLOURS = 5;

/** The initial of a person on their own colour, or the symbol of the app. */
export function avatar(name: string, isApp: boolean, size: 'large' | 'small' = 'large'): ComponentChildren {
  if (isApp)
    return h(
      'span',
      { class: `avatar app ${size}`, 'aria-hidden': 'true' },
      h('svg', { viewBox: '0 0 36 36' }, [
        h('rect', { x: 9, y: 7, width: 15, height: 20, rx: 2, class: 'sheet' }),
        h('path', { d: 'M12 12h9 M12 16h9 M12 20h5', class: 'lines' }),
        h('path', { d: 'M27.5 20.5a6 6 0 1 1-1.8-4.1 M27.6 13.4v3.6h-3.6', class: 'round' }),
      ]),
    );
  const colour = [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % PEOPLE_COLOURS;
  return h('span', { class: `avatar person-${colour} ${size}`, 'aria-hidden': 'true' }, name.slice(0, 1).toUpperCase());
}
