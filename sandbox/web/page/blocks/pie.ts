import { type ComponentChildren, h } from 'preact';
import { COLOURS, legend, numbers } from './chart-parts.ts';

const [RADIUS, MIDDLE] = [70, 80];

interface Segment {
  readonly label: string;
  readonly value: number;
}

/** A pie chart as a ring. */
export function pie(title: string, segments: readonly Segment[]): ComponentChildren {
  const whole = segments.reduce((sum, { value }) => sum + value, 0);
  let from = 0;
  const arcs = segments.map(({ label, value }, index) => {
    const share = whole === 0 ? 0 : value / whole;
    const arc = h('circle', {
      key: label,
      cx: MIDDLE,
      cy: MIDDLE,
      r: RADIUS - 15,
      pathLength: 100,
      class: `series-${index % COLOURS} arc`,
      'stroke-dasharray': `${share * 100} ${100 - share * 100}`,
      'stroke-dashoffset': 25 - from * 100,
    });
    from += share;
    return arc;
  });
  const formatShare = (value: number) => (whole === 0 ? '0 %' : `${Math.round((value / whole) * 100)} %`);
  return h('figure', { class: 'chart pie' }, [
    h('figcaption', {}, title),
    h(
      'svg',
      {
        viewBox: `0 0 ${MIDDLE * 2} ${MIDDLE * 2}`,
        role: 'img',
        'aria-label': `${title}: ${segments.map(({ label, value }) => `${label} ${formatShare(value)}`).join(', ')}`,
      },
      arcs,
    ),
    legend(segments.map(({ label, value }) => `${label} ${formatShare(value)}`)),
    numbers(
      'Part',
      ['Value', 'Share'],
      segments.map(({ label, value }) => [label, String(value), formatShare(value)]),
    ),
  ]);
}
