import { type ComponentChildren, h } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { type JsonRecord, recordOf, textOf } from '../../../slack/rules/json.ts';
import { get, post } from '../api.ts';
import { enteredIn } from '../elements/surface.ts';
import { BucketTab } from './bucket-tab.ts';
import { type Change, Dials } from './dials.ts';
import { ExecutionsTab } from './executions-tab.ts';
import { FunctionTab } from './function-tab.ts';
import { usePolling } from './polling.ts';
import { startRun } from './start-run.ts';
import { KINDS, TableTab } from './table-tab.ts';

const TABS = [
  ['dials', 'Faults'],
  ['table', 'Table'],
  ['bucket', 'Bucket'],
  ['function', 'Function'],
  ['executions', 'Executions'],
] as const;
type Tab = (typeof TABS)[number][0];

const PAGE = 50;
const MOST_ROWS = 1_000;
const COUNTS = 'table?limit=1';
const EXECUTIONS = 'step-functions?limit=20';
/** What `engine=` of a plan may be; empty: the setting of the bot. */
const ENGINES = [
  ['', 'on the set engine'],
  ['local', 'in the bot'],
  ['step-functions', 'on Step Functions'],
] as const;

/** The pipeline beside Slack: its current contents, the settings that simulate faults, and the bot process. */
export function World({
  isBotUp,
  user,
  channel,
  isOpen,
}: {
  isBotUp: boolean;
  user: string;
  channel: string;
  isOpen: boolean;
}): ComponentChildren {
  const [tab, setTab] = useState<Tab>('dials');
  const [limit, setLimit] = useState(PAGE);
  const [kind, setKind] = useState('');
  const [said, setSaid] = useState('');
  const [busy, setBusy] = useState('');
  const [engine, setEngine] = useState('');
  const tablePath = `table?limit=${limit}${kind === '' ? '' : `&kind=${kind}`}`;
  const bucketPath = `bucket?limit=${limit}`;
  const paths: Readonly<Record<Tab, readonly string[]>> = {
    dials: [],
    table: [tablePath],
    bucket: [bucketPath],
    function: ['function', 'invocations', 'log?limit=200'],
    executions: [EXECUTIONS],
  };
  const { answers, poll, isMissing } = usePolling(isOpen ? ['world', COUNTS, ...paths[tab]] : []);

  const tell = async (answer: JsonRecord) => {
    const failed = answer.ok === false || answer.error !== undefined;
    setSaid(failed ? `Failed: ${textOf(answer.message) ?? String(answer.error)}` : '');
    await poll();
  };
  const doing = async (what: string, action: () => Promise<JsonRecord>) => {
    if (busy !== '') return;
    setBusy(what);
    await tell(await action());
    setBusy('');
  };
  // One after the other, so that two changes do not overwrite each other.
  const turned = useRef<Promise<void>>(Promise.resolve());
  const turn = (change: Change) => {
    turned.current = turned.current.then(async () => {
      const now = recordOf(await get('/aws/sandbox/world'));
      await tell(await post('/aws/sandbox/world', change(now)));
    });
    return turned.current;
  };
  const bot = (action: string) => void doing(action, () => post('/sandbox/bot', { do: action }));
  const more = () => setLimit(Math.min(MOST_ROWS, limit + PAGE));
  const choose = (next: Tab) => {
    setTab(next);
    setLimit(PAGE);
  };

  const { world } = answers;
  const panel = (): ComponentChildren => {
    const waits = isMissing ? null : h('p', { class: 'quiet', role: 'status' }, 'Loading…');
    switch (tab) {
      case 'table': {
        const table = answers[tablePath];
        return table ? h(TableTab, { table, kind, setKind, more }) : waits;
      }
      case 'bucket': {
        const bucket = answers[bucketPath];
        return bucket ? h(BucketTab, { bucket, more, tell }) : waits;
      }
      case 'function': {
        const [deployed, invocations, log] = [answers.function, answers.invocations, answers['log?limit=200']];
        return deployed && invocations && log ? h(FunctionTab, { deployed, invocations, log }) : waits;
      }
      case 'executions': {
        const executions = answers[EXECUTIONS];
        return executions ? h(ExecutionsTab, { executions }) : waits;
      }
      case 'dials':
        return world ? h(Dials, { world, turn }) : waits;
    }
  };
  return h('aside', { class: 'world', 'aria-label': 'World' }, [
    h('header', { class: 'pane-head' }, [
      h('h2', {}, 'World'),
      h(
        'span',
        { class: isBotUp ? 'bot up' : 'bot down', role: 'status' },
        isBotUp ? 'Bot connected' : 'Bot not connected',
      ),
    ]),
    h('div', { class: 'world-body' }, [
      h('div', { class: 'actions' }, [
        botButton('Kill the bot', 'kill', busy, isBotUp ? 'danger' : '', bot),
        botButton('Start the bot', 'start', busy, isBotUp ? '' : 'primary', bot),
        h(
          'button',
          {
            type: 'button',
            class: `button small${busy === 'run' ? ' busy' : ''}`,
            'data-run': 'start',
            title: 'Types /rescan start keep and presses Start, in your name',
            onClick: () => void doing('run', () => startRun(user, channel, engine)),
          },
          'Start a run',
        ),
        h(
          'select',
          {
            value: engine,
            'aria-label': 'Engine of the run',
            'data-engine': 'yes',
            onChange: (event: Event) => setEngine(enteredIn(event)),
          },
          ENGINES.map(([value, name]) => h('option', { value, key: value }, name)),
        ),
      ]),
      said === '' ? null : h('p', { class: 'error', role: 'alert' }, said),
      isMissing
        ? h(
            'p',
            { class: 'quiet', role: 'status' },
            'No local AWS answers. Start the sandbox without --slack-only to have one.',
          )
        : null,
      tallies(recordOf(answers[COUNTS]?.counts), recordOf(world?.invocations)),
      h(
        'div',
        { class: 'tabs', role: 'tablist', 'aria-label': 'World' },
        TABS.map(([id, name]) => tabButton(id, name, tab === id, choose)),
      ),
      h(
        'div',
        { id: 'world-panel', class: 'world-panel', role: 'tabpanel', 'aria-labelledby': `tab-${tab}`, tabIndex: 0 },
        panel(),
      ),
    ]),
  ]);
}

function botButton(
  name: string,
  action: string,
  busy: string,
  style: string,
  bot: (action: string) => void,
): ComponentChildren {
  return h(
    'button',
    {
      type: 'button',
      class: `button small ${style}${busy === action ? ' busy' : ''}`,
      'data-bot': action,
      onClick: () => bot(action),
    },
    name,
  );
}

/** Current counts by kind of record, and the invocations in flight. */
function tallies(counts: JsonRecord, invocations: JsonRecord): ComponentChildren {
  const tally = (name: string, value: unknown, kind: string) =>
    h('div', { class: 'tally', key: kind, 'data-tally': kind }, [
      h('dt', {}, name),
      h('dd', {}, Number(value ?? 0).toLocaleString('en-US')),
    ]);
  const inFlight = Number(invocations.inFlight ?? 0);
  return h('dl', { class: 'tallies' }, [
    ...KINDS.map(([kind, name]) => tally(name, counts[kind], kind)),
    tally(inFlight === 0 ? 'Invocations' : `Invoked, ${inFlight} now`, invocations.total, 'invocations'),
  ]);
}

/** One tab. The arrow keys move to its neighbours. */
function tabButton(id: Tab, name: string, isSelected: boolean, choose: (tab: Tab) => void): ComponentChildren {
  return h(
    'button',
    {
      type: 'button',
      role: 'tab',
      key: id,
      id: `tab-${id}`,
      'aria-selected': isSelected,
      'aria-controls': 'world-panel',
      tabIndex: isSelected ? 0 : -1,
      onClick: () => choose(id),
      onKeyDown(event: KeyboardEvent) {
        const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
        if (by === 0) return;
        event.preventDefault();
        const at = TABS.findIndex(([other]) => other === id);
        const next = TABS[(at + by + TABS.length) % TABS.length];
        if (!next) return;
        choose(next[0]);
        document.getElementById(`tab-${next[0]}`)?.focus();
      },
    },
    name,
  );
}
