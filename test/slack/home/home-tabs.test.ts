import type { HomeView } from '@slack/types';
import { expect, test } from 'vitest';
import { createHomeTabs, type ShowablePipeline } from '../../../src/slack/home/home-tabs.ts';
import { settle } from '../../support/rigs/fake-clock.ts';

const VIEW: HomeView = { type: 'home', blocks: [{ type: 'divider' }] };

function rig() {
  const calls: string[] = [];
  const published: { readonly person: string; readonly view: HomeView }[] = [];
  const pipeline = (name: string, people: readonly string[]): ShowablePipeline => ({
    name,
    home: {
      opened: (person) => void calls.push(`${name} opened for ${person}`),
      forget: (person) => void calls.push(`${name} forgot ${person}`),
    },
    maySee: async (person) => people.includes(person),
  });
  const pipelines = [pipeline('dev', ['U0BOTH', 'U0DEV']), pipeline('prod', ['U0BOTH'])];
  const tabs = createHomeTabs({
    pipelines: () => pipelines,
    publish: async (person, view) => void published.push({ person, view }),
    onError: (error) => {
      throw error;
    },
  });
  return { tabs, calls, published };
}

test('the Home tab shows a pipeline that the person operates, and only those can be chosen', async () => {
  const { tabs, calls, published } = rig();
  tabs.opened('U0DEV');
  await settle();
  expect(calls).toEqual(['prod forgot U0DEV', 'dev opened for U0DEV']);
  await tabs.publishOf('dev')('U0DEV', VIEW);
  expect(published[0]?.view.callback_id).toBe('dev:');
  expect(JSON.stringify(published[0]?.view)).toContain('home_pipeline');
  expect(JSON.stringify(published[0]?.view)).not.toContain('prod');
  calls.length = 0;
  tabs.chose('U0DEV', 'prod');
  await settle();
  expect(calls).toContain('dev opened for U0DEV');
  expect(calls).not.toContain('prod opened for U0DEV');
});

test('after a choice the tab of the other pipeline is not published any more', async () => {
  const { tabs, calls, published } = rig();
  tabs.opened('U0BOTH');
  await settle();
  tabs.chose('U0BOTH', 'prod');
  await settle();
  expect(calls.slice(-2)).toEqual(['dev forgot U0BOTH', 'prod opened for U0BOTH']);
  await tabs.publishOf('dev')('U0BOTH', VIEW);
  expect(published).toEqual([]);
  await tabs.publishOf('prod')('U0BOTH', VIEW);
  expect(published.map(({ view }) => view.callback_id)).toEqual(['prod:']);
});

test('who operates no pipeline sees no state of any', async () => {
  const { tabs, calls, published } = rig();
  tabs.opened('U0VIEWER');
  await settle();
  expect(calls).toEqual(['dev forgot U0VIEWER', 'prod forgot U0VIEWER']);
  expect(JSON.stringify(published)).toContain('there is none');
});
