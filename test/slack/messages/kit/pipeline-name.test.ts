import { expect, test } from 'vitest';
import { ACTION, button } from '../../../../src/slack/messages/kit/buttons.ts';
import { compose } from '../../../../src/slack/messages/kit/message.ts';
import {
  nameFile,
  nameMessage,
  nameView,
  pipelineOfBlock,
  pipelineOfView,
} from '../../../../src/slack/messages/kit/pipeline-name.ts';

const message = compose({ fact: 'Done', buttons: [button(ACTION.status, 'Status', 'r-0001')] });

test('a message of one pipeline is as it is', () => {
  expect(nameMessage(message, undefined)).toBe(message);
  expect(nameFile('a.csv', undefined)).toBe('a.csv');
});

test('the name stands before the text and the first section, and each row of buttons carries it', () => {
  const { text, blocks } = nameMessage(message, 'dev');
  expect(text).toBe('[dev] Done');
  expect(blocks[0]).toMatchObject({ text: { text: '[dev] *Done*' } });
  expect(blocks[1]).toMatchObject({ type: 'actions', block_id: 'pipeline:dev:1' });
  expect(pipelineOfBlock('pipeline:dev:1')).toBe('dev');
});

test('named again, as when a stored message is posted, it stays as it is', () => {
  const named = nameMessage(message, 'dev');
  expect(nameMessage(named, 'dev')).toEqual(named);
});

test('a message whose first block is no section gets a block with the name', () => {
  const figure = { text: 'Chart', blocks: [{ type: 'image' as const, block_id: 'i' }] };
  expect(nameMessage(figure, 'dev').blocks[0]).toMatchObject({ type: 'context', elements: [{ text: '[dev]' }] });
});

test('a view names its pipeline, and its submission says which one it is', () => {
  const view = nameView(
    { type: 'modal', callback_id: 'confirm_action', title: { type: 'plain_text', text: 'T' }, blocks: [] },
    'dev',
  );
  expect(view.callback_id).toBe('dev:confirm_action');
  expect(view.blocks).toHaveLength(1);
  expect(nameView(view, 'dev')).toEqual(view);
  expect(pipelineOfView('dev:confirm_action')).toEqual({ name: 'dev', callbackId: 'confirm_action' });
  expect(pipelineOfView('confirm_action')).toEqual({ callbackId: 'confirm_action' });
});
