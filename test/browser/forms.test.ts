import type { App } from '@slack/bolt';
import type { ModalView } from '@slack/types';
import { expect, test } from 'vitest';
import { plain, section } from '../sandbox/slack/harness.ts';
import { eventually } from '../support/eventually.ts';
import { describePage } from './page-rig.ts';
import { slackPage } from './slack-rig.ts';

type InputElement = Extract<ModalView['blocks'][number], { type: 'input' }>['element'];
const input = (blockId: string, element: InputElement, optional = true) => ({
  type: 'input' as const,
  block_id: blockId,
  label: plain(blockId),
  optional,
  element,
});
const option = (value: string) => ({ text: plain(`Option ${value}`), value });

const form = (more: Partial<ModalView> = {}): ModalView => ({
  type: 'modal',
  callback_id: 'form',
  title: plain('Start'),
  submit: plain('Go'),
  close: plain('Cancel'),
  blocks: [
    { type: 'alert', text: plain('This deletes.'), level: 'warning' },
    input('pace', { type: 'number_input', action_id: 'pace', is_decimal_allowed: false, min_value: '1' }, false),
    input('note', { type: 'plain_text_input', action_id: 'note', multiline: true }),
    input('mode', { type: 'static_select', action_id: 'mode', options: ['a', 'b', 'c'].map(option) }),
    input('kinds', { type: 'multi_static_select', action_id: 'kinds', options: ['k1', 'k2', 'k3'].map(option) }),
    input('backup', { type: 'external_select', action_id: 'backup', min_query_length: 2 }),
    input('how', { type: 'radio_buttons', action_id: 'how', options: ['merge', 'replace'].map(option) }),
    input('hold', { type: 'checkboxes', action_id: 'hold', options: [option('hold')] }),
    input('day', { type: 'datepicker', action_id: 'day' }),
    input('zip', { type: 'file_input', action_id: 'zip', max_files: 1 }),
  ],
  ...more,
});

/** The app opens the form for `/demo`. */
const opensForm = (app: App, view = form()) =>
  app.command('/demo', async ({ ack, body, client }) => {
    await ack();
    await client.views.open({ trigger_id: body.trigger_id, view });
  });

describePage('forms on the page', () => {
  test('every kind of field can be filled by keyboard, and the app receives the values', async () => {
    const seen: unknown[] = [];
    const asked: string[] = [];
    const { page, type, axeInBoth } = await slackPage({
      app(app) {
        opensForm(app);
        app.options('backup', async ({ ack, options }) => {
          asked.push(options.value);
          await ack({
            options: [
              { text: plain('backup one'), value: 'b-1' },
              { text: plain('backup two'), value: 'b-2' },
            ],
          });
        });
        app.view('form', async ({ ack, view }) => {
          seen.push(view.state.values);
          await ack();
        });
      },
    });
    await type('/demo');
    const dialog = page.locator('dialog.modal');
    await dialog.waitFor();
    expect(await axeInBoth()).toEqual([]);
    await expect.poll(() => page.evaluate('document.activeElement?.dataset.action')).toBe('pace');
    await page.keyboard.type('60');
    await dialog.getByLabel('note').fill('why');
    // Down twice and Enter: the second option.
    await dialog.getByLabel('mode').focus();
    await page.keyboard.press('ArrowDown');
    await dialog.locator('[role="option"]', { hasText: 'Option c' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect.poll(() => dialog.getByLabel('mode').inputValue()).toBe('Option b');
    // Typing filters the options; the choice is shown before the field; Escape closes the list and not the form.
    await dialog.getByLabel('kinds').focus();
    await page.keyboard.type('k3');
    await dialog.locator('[role="option"]', { hasText: 'Option k3' }).waitFor();
    await expect.poll(() => dialog.locator('[role="option"]').count()).toBe(1);
    await page.keyboard.press('Enter');
    await dialog.locator('.tag-chosen', { hasText: 'Option k3' }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.locator('[role="option"]').first().waitFor({ state: 'detached' });
    expect(await dialog.count()).toBe(1);
    await dialog.getByLabel('backup').focus();
    await page.keyboard.type('b');
    await dialog.locator('.advice', { hasText: 'at least 2 characters' }).waitFor();
    await page.keyboard.type('ac');
    await dialog.locator('[role="option"]', { hasText: 'backup two' }).click();
    await expect.poll(() => dialog.getByLabel('backup').inputValue()).toBe('backup two');
    await dialog.getByText('Option replace').click();
    await dialog.getByText('Option hold').click();
    await dialog.getByLabel('day').fill('2026-03-02');
    await dialog
      .getByLabel('zip')
      .setInputFiles({ name: 'code.zip', mimeType: 'application/zip', buffer: Buffer.from('PK') });
    await dialog.locator('.tag-chosen', { hasText: 'code.zip' }).waitFor();
    await page.click('[data-submit="yes"]');
    await dialog.waitFor({ state: 'detached' });
    expect(asked.every((typed) => typed.length >= 2)).toBe(true);
    expect(seen).toMatchObject([
      {
        pace: { pace: { value: '60' } },
        note: { note: { value: 'why' } },
        mode: { mode: { selected_option: { value: 'b' } } },
        kinds: { kinds: { selected_options: [{ value: 'k3' }] } },
        backup: { backup: { selected_option: { value: 'b-2', text: { text: 'backup two' } } } },
        how: { how: { selected_option: { value: 'replace' } } },
        hold: { hold: { selected_options: [{ value: 'hold' }] } },
        day: { day: { selected_date: '2026-03-02' } },
        zip: { zip: { files: [{ name: 'code.zip' }] } },
      },
    ]);
    // The focus is back in the field.
    await expect.poll(() => page.evaluate('document.activeElement?.id')).toBe('composer');
  });

  test('errors are shown at their fields, first those of Slack, then those of the app, until the app accepts the form', async () => {
    const { page, type, axeInBoth } = await slackPage({
      app(app) {
        opensForm(app, form({ blocks: form().blocks.slice(1, 3) }));
        app.view('form', async ({ ack, view }) => {
          const pace = view.state.values.pace?.pace?.value;
          if (Number(pace) > 100) await ack({ response_action: 'errors', errors: { pace: 'At most 100.' } });
          else await ack();
        });
      },
    });
    await type('/demo');
    const pace = page.getByLabel('pace', { exact: true });
    await pace.waitFor();
    await page.click('[data-submit="yes"]');
    await page.locator('[data-block="pace"] .error', { hasText: 'complete this required field' }).waitFor();
    await pace.fill('many');
    await page.keyboard.press('Enter');
    await page.locator('[data-block="pace"] .error', { hasText: 'Please enter a number' }).waitFor();
    await pace.fill('500');
    await page.keyboard.press('Enter');
    await page.locator('[data-block="pace"] .error', { hasText: 'At most 100.' }).waitFor();
    expect(await pace.getAttribute('aria-invalid')).toBe('true');
    expect(await axeInBoth()).toEqual([]);
    await pace.fill('50');
    await page.keyboard.press('Enter');
    await page.locator('dialog.modal').waitFor({ state: 'detached' });
  });

  test('up to three views are stacked, the lower ones keep their values, and an update can remove fields', async () => {
    const step = (n: number): ModalView => ({
      type: 'modal',
      callback_id: `step-${n}`,
      title: plain(`Step ${n}`),
      submit: plain('On'),
      blocks: [input(`field-${n}`, { type: 'plain_text_input', action_id: 'value' })],
    });
    const last: unknown[] = [];
    const { page, type } = await slackPage({
      app(app) {
        opensForm(app, step(1));
        app.view('step-1', async ({ ack }) => ack({ response_action: 'push', view: step(2) }));
        app.view('step-2', async ({ ack }) => ack({ response_action: 'push', view: step(3) }));
        app.view('step-3', async ({ ack }) => ack({ response_action: 'update', view: step(4) }));
        app.view('step-4', async ({ ack, view }) => {
          last.push(view.state.values);
          await ack({ response_action: 'clear' });
        });
      },
    });
    const title = (n: number) => page.locator('dialog.modal h2:visible', { hasText: `Step ${n}` });
    await type('/demo');
    await page.getByLabel('field-1').fill('one');
    await page.keyboard.press('Enter');
    await title(2).waitFor();
    await page.getByLabel('field-2').fill('two');
    await page.keyboard.press('Enter');
    await title(3).waitFor();
    // After the upper view closes, the lower one still has its values.
    await page.locator('[data-close="yes"]:visible').click();
    await title(2).waitFor();
    expect(await page.getByLabel('field-2').inputValue()).toBe('two');
    await page.keyboard.press('Escape');
    await title(1).waitFor();
    expect(await page.getByLabel('field-1').inputValue()).toBe('one');
    await page.locator('[data-submit="yes"]:visible').click();
    await title(2).waitFor();
    await page.locator('[data-submit="yes"]:visible').click();
    await title(3).waitFor();
    await page.getByLabel('field-3').fill('three');
    await page.keyboard.press('Enter');
    await title(4).waitFor();
    await page.getByLabel('field-4').fill('four');
    await page.keyboard.press('Enter');
    await page.locator('dialog.modal').waitFor({ state: 'detached' });
    expect(last).toMatchObject([{ 'field-4': { value: { value: 'four' } } }]);
  });

  test('while the app has not answered the button is busy, a second click sends nothing, and a missing answer is shown', async () => {
    let sent = 0;
    let goOn = () => {};
    const { page, type } = await slackPage({
      acknowledgeWithinMs: 3_000,
      app(app) {
        opensForm(app, form({ blocks: form().blocks.slice(2, 3) }));
        app.view('form', async ({ ack }) => {
          sent++;
          await new Promise<void>((resolve) => {
            goOn = resolve;
          });
          await ack();
        });
      },
    });
    await type('/demo');
    const submit = page.locator('[data-submit="yes"]');
    await submit.click();
    await page.locator('[data-submit="yes"].busy').waitFor();
    // Forced, because a person can click a busy button.
    await submit.click({ force: true });
    await eventually(() => expect(sent).toBe(1));
    // Slack waits three seconds for the app.
    await page.locator('dialog .notice', { hasText: 'connection to the app failed' }).waitFor();
    expect(sent).toBe(1);
    goOn();
  });

  test('a confirm dialog asks first, Escape cancels and returns the focus, and a confirmation acts once', async () => {
    const clicks: string[] = [];
    const { page, say, axeInBoth } = await slackPage({
      app(app) {
        app.action('flush', async ({ ack, body }) => {
          await ack();
          clicks.push(body.user.id);
        });
        app.action('pick', async ({ ack, action }) => {
          await ack();
          if (action.type === 'static_select') clicks.push(action.selected_option.value);
        });
      },
    });
    const confirm = {
      title: plain('Flush?'),
      text: plain('It begins at once.'),
      confirm: plain('Flush'),
      deny: plain('Not yet'),
    };
    await say('asks', {
      blocks: [
        section('Shall it?'),
        {
          type: 'actions',
          elements: [
            {
              type: 'button',
              action_id: 'flush',
              text: plain('Flush…'),
              style: 'danger',
              confirm: { ...confirm, style: 'danger' },
            },
            { type: 'static_select', action_id: 'pick', placeholder: plain('Pick'), options: [option('a')], confirm },
          ],
        },
      ],
    });
    await page.locator('[data-action="flush"]').press('Enter');
    await page.locator('[role="alertdialog"]', { hasText: 'It begins at once.' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    // The focus stays inside of the dialog.
    for (let stop = 0; stop < 4; stop++) {
      await page.keyboard.press('Tab');
      expect(
        await page.evaluate(
          "document.querySelector('[role=alertdialog]').contains(document.activeElement) || document.activeElement === document.body",
        ),
      ).toBe(true);
    }
    await page.keyboard.press('Escape');
    await page.locator('[role="alertdialog"]').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement?.dataset.action')).toBe('flush');
    expect(clicks).toEqual([]);
    await page.keyboard.press('Enter');
    await page.click('[data-confirm="yes"]');
    await eventually(() => expect(clicks).toEqual(['U0OPERATOR']));
    await page.getByLabel('Pick').click();
    await page.locator('[role="option"]').click();
    await page.click('[data-confirm="yes"]');
    await eventually(() => expect(clicks).toEqual(['U0OPERATOR', 'a']));
  });

  test('the overflow menu opens, moves and closes by keyboard', async () => {
    const chosen: string[] = [];
    const { page, say } = await slackPage({
      app(app) {
        app.action('more', async ({ ack, action }) => {
          await ack();
          if (action.type === 'overflow') chosen.push(action.selected_option.value);
        });
      },
    });
    await say('menu', {
      blocks: [
        {
          ...section('A menu'),
          accessory: { type: 'overflow', action_id: 'more', options: [option('x'), option('y')] },
        },
      ],
    });
    const dots = page.locator('[data-action="more"]');
    await dots.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Escape');
    await page.locator('[role="menu"]').waitFor({ state: 'detached' });
    await dots.press('Enter');
    await page.locator('[role="menuitem"]:focus').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await eventually(() => expect(chosen).toEqual(['y']));
  });
});
