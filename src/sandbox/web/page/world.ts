import { type ComponentChildren, h } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, recordsOf, textOf } from '../../slack/json.ts';
import { get, post } from './api.ts';

const LOOK_EVERY_MS = 1_000;

interface Seen {
  readonly world: JsonRecord;
  readonly table: JsonRecord;
  readonly bucket: JsonRecord;
  readonly invocations: JsonRecord;
  readonly log: JsonRecord;
}

/** What can be turned by one click: a name, what it does, the dials it sets and those that put it back. */
const TROUBLES: readonly (readonly [
  name: string,
  on: JsonRecord,
  off: JsonRecord,
  isOn: (world: JsonRecord) => boolean,
])[] = [
  [
    'Every image fails (Textract)',
    { failures: [{ rate: 1, kind: 'textract' }] },
    { failures: [] },
    (world) => recordsOf(world.failures).some(({ rate, kind }) => rate === 1 && kind === 'textract'),
  ],
  [
    '7 % fail, of three kinds',
    {
      failures: [
        { rate: 0.03, kind: 'textract' },
        { rate: 0.02, kind: 'parsing' },
        { rate: 0.02, kind: 'timeout' },
      ],
    },
    { failures: [] },
    (world) => recordsOf(world.failures).length === 3,
  ],
  [
    'Says it stores, writes nothing',
    { writesNothing: true },
    { writesNothing: false },
    (world) => world.writesNothing === true,
  ],
  [
    'Bedrock throttles (20 a minute)',
    { bedrockPerMinute: 20 },
    { bedrockPerMinute: 0 },
    (world) => world.bedrockPerMinute !== 0,
  ],
  [
    'Lambda throttles (20 a minute)',
    { functionPerMinute: 20 },
    { functionPerMinute: 0 },
    (world) => world.functionPerMinute !== 0,
  ],
  ['AWS does not answer', { outage: true }, { outage: false }, (world) => world.outage === true],
  [
    'Credentials have expired',
    { expiredCredentials: true },
    { expiredCredentials: false },
    (world) => world.expiredCredentials === true,
  ],
  [
    'The function is gone',
    { functionMissing: true },
    { functionMissing: false },
    (world) => world.functionMissing === true,
  ],
];

const latencyOf = (world: JsonRecord): number => {
  const latency = world.latencyMs;
  return typeof latency === 'number' ? latency : Number(recordOf(latency).max ?? 0);
};

/** The pipeline beside Slack: what is in it just now, and the dials that make it go wrong. */
export function World({ isBotUp }: { isBotUp: boolean }): ComponentChildren {
  const [seen, setSeen] = useState<Seen | undefined>();
  const [tab, setTab] = useState<'dials' | 'table' | 'bucket' | 'function'>('dials');
  const [said, setSaid] = useState('');
  const look = async () => {
    const [world, table, bucket, invocations, log] = await Promise.all(
      ['world', 'table?limit=30', 'bucket?limit=30', 'invocations', 'log?limit=40'].map((path) =>
        get(`/aws/sandbox/${path}`),
      ),
    );
    if (world && table && bucket && invocations && log) setSeen({ world, table, bucket, invocations, log });
  };
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const turn = async (change: JsonRecord) => {
    const answer = await post('/aws/sandbox/world', change);
    setSaid(
      answer.error === undefined ? '' : `The world did not take it: ${textOf(answer.message) ?? String(answer.error)}`,
    );
    await look();
  };
  const bot = async (deed: string) => {
    const answer = await post('/sandbox/bot', { do: deed });
    setSaid(answer.ok === false ? String(answer.message ?? answer.error) : '');
  };
  const counts = recordOf(recordOf(seen?.table).counts);
  return h('aside', { class: 'world', 'aria-label': 'World' }, [
    h('h2', {}, 'World'),
    h('div', { class: 'actions' }, [
      h(
        'span',
        { class: isBotUp ? 'bot up' : 'bot down', role: 'status' },
        isBotUp ? 'The bot is connected' : 'The bot is not connected',
      ),
      h(
        'button',
        { type: 'button', class: 'button danger', 'data-bot': 'kill', onClick: () => void bot('kill') },
        'Kill the bot',
      ),
      h(
        'button',
        { type: 'button', class: 'button', 'data-bot': 'start', onClick: () => void bot('start') },
        'Start the bot',
      ),
    ]),
    said === '' ? null : h('p', { class: 'error', role: 'alert' }, said),
    h('dl', { class: 'counts' }, [
      ...(['entry', 'zero-hour', 'rejected', 'coverage', 'failed'] as const).flatMap((kind) => [
        h('dt', {}, kind),
        h('dd', {}, String(counts[kind] ?? 0)),
      ]),
      h('dt', {}, 'invocations'),
      h(
        'dd',
        {},
        `${String(recordOf(seen?.invocations).total ?? 0)}, ${String(recordOf(seen?.invocations).inFlight ?? 0)} now`,
      ),
    ]),
    h(
      'div',
      { class: 'tabs', role: 'tablist', 'aria-label': 'World' },
      (['dials', 'table', 'bucket', 'function'] as const).map((name) =>
        h(
          'button',
          {
            type: 'button',
            role: 'tab',
            id: `tab-${name}`,
            'aria-selected': tab === name,
            'aria-controls': 'world-panel',
            onClick: () => setTab(name),
          },
          name,
        ),
      ),
    ),
    h(
      'div',
      { id: 'world-panel', role: 'tabpanel', 'aria-labelledby': `tab-${tab}`, tabIndex: 0 },
      seen ? panel(tab, seen, turn) : 'Looking…',
    ),
  ]);
}

function panel(tab: string, seen: Seen, turn: (change: JsonRecord) => Promise<void>): ComponentChildren {
  switch (tab) {
    case 'table':
      return rows(
        ['Key', 'Hours', 'Image'],
        recordsOf(seen.table.rows).map((row) => [
          `${wire(row.ResourceName)} ${wire(row.DateProjectCode)}`,
          wire(row.Hours),
          wire(row.SourceImage) || wire(row.ImageKey),
        ]),
      );
    case 'bucket':
      return rows(
        ['Key', 'Bytes'],
        recordsOf(seen.bucket.objects).map(({ key, size }) => [String(key), String(size)]),
      );
    case 'function':
      return h(
        'pre',
        { class: 'log' },
        recordsOf(seen.log.lines)
          .map(({ message }) => textOf(message) ?? '')
          .join('\n') || 'The log is empty.',
      );
    default:
      return dials(seen.world, turn);
  }
}

function dials(world: JsonRecord, turn: (change: JsonRecord) => Promise<void>): ComponentChildren {
  const latency = latencyOf(world);
  return h('div', { class: 'dials' }, [
    h('label', { for: 'latency' }, `An invocation takes up to ${latency} ms`),
    h('input', {
      id: 'latency',
      type: 'range',
      min: 5,
      max: 5000,
      step: 5,
      value: latency,
      onChange: (event: Event) => {
        if (event.target instanceof HTMLInputElement) void turn({ latencyMs: Number(event.target.value) });
      },
    }),
    ...TROUBLES.map(([name, on, off, isOn]) =>
      h('label', { class: 'choice', key: name }, [
        h('input', {
          type: 'checkbox',
          role: 'switch',
          checked: isOn(world),
          'data-dial': name,
          onChange: () => void turn(isOn(world) ? off : on),
        }),
        h('span', {}, name),
      ]),
    ),
    h('button', { type: 'button', class: 'button', onClick: () => void turn({ reset: true }) }, 'All as at the start'),
  ]);
}

const wire = (value: unknown): string => {
  const record = recordOf(value);
  return textOf(record.S) ?? textOf(record.N) ?? '';
};

const rows = (headings: readonly string[], cells: readonly (readonly string[])[]): ComponentChildren =>
  h('div', { class: 'table-frame' }, [
    h('table', {}, [
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          headings.map((heading) => h('th', { scope: 'col' }, heading)),
        ),
      ),
      h(
        'tbody',
        {},
        cells.map((row, at) =>
          h(
            'tr',
            { key: at },
            row.map((cell) => h('td', {}, cell)),
          ),
        ),
      ),
    ]),
    cells.length === 0 ? h('p', { class: 'quiet' }, 'Nothing is there.') : null,
  ]);
