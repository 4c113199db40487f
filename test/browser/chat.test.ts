import { expect, test } from 'vitest';
import { plain, section } from '../sandbox/slack/harness.ts';
import { eventually } from '../support/eventually.ts';
import { describePage, openPage } from './page-rig.ts';
import { CHANNEL, slackPage } from './slack-rig.ts';

const button = { type: 'button', action_id: 'go', text: plain('Go') };

describePage('a small Slack on the page', () => {
  test('a first visit suggests three commands that a click sends, and passes axe in both colour schemes', async () => {
    const typed: string[] = [];
    const { page, axeInBoth } = await slackPage({
      app(app) {
        app.command(/.*/, async ({ ack, command }) => {
          typed.push(`${command.command} ${command.text}`);
          await ack();
        });
      },
    });
    await page.locator('.suggestions').waitFor();
    // There is no local AWS here, and the World pane says so.
    await page.locator('.world', { hasText: 'No local AWS answers' }).waitFor();
    expect(await page.locator('.suggested code').allTextContents()).toHaveLength(3);
    expect(await axeInBoth()).toEqual([]);
    // The app of this workspace does not have this command: only this person sees Slack's error.
    await page.locator('.suggested button').first().click();
    await page.locator('.message.only-you', { hasText: 'is not a valid command' }).waitFor();
    expect(typed).toEqual([]);
  });

  test('the keyboard completes a command from the manifest and from messages of the app', async () => {
    const typed: string[] = [];
    const { page, say } = await slackPage({
      app(app) {
        app.command('/demo', async ({ ack, command }) => {
          typed.push(command.text);
          await ack();
        });
      },
    });
    await say('• `/demo pace 60 | auto`: images a minute\n• `/demo pause`: waits', {
      blocks: [section('• `/demo pace 60 | auto`: images a minute\n• `/demo pause`: waits')],
    });
    await page.locator('main .message').waitFor();
    await page.fill('#composer', '/');
    await page.locator('[role="option"]', { hasText: 'Shows what it can do' }).waitFor();
    await page.fill('#composer', '/demo pa');
    await page.locator('[role="option"]', { hasText: 'images a minute' }).first().waitFor();
    expect(await page.locator('.completions .line').allTextContents()).toEqual([
      '/demo pace 60',
      '/demo pace auto',
      '/demo pause',
    ]);
    await page.press('#composer', 'ArrowDown');
    await page.press('#composer', 'ArrowDown');
    await page.press('#composer', 'Enter');
    expect(await page.inputValue('#composer')).toBe('/demo pace auto');
    await page.press('#composer', 'Enter');
    await eventually(() => expect(typed).toEqual(['pace auto']));
    // Escape closes the list; arrow up restores the previous line.
    await page.fill('#composer', '/demo pa');
    await page.press('#composer', 'Escape');
    await page.locator('.completions').waitFor({ state: 'detached' });
    await page.fill('#composer', '');
    await page.press('#composer', 'ArrowUp');
    expect(await page.inputValue('#composer')).toBe('/demo pace auto');
  });

  test('typed text stays text, and mentions of people become mentions', async () => {
    const { page, type, message } = await slackPage();
    await type('<img src=x onerror="document.title=1"> & *bold* `<b>` <!channel> @approver');
    const said = message(/onerror/);
    await said.waitFor();
    expect(await said.locator('.text').textContent()).toBe(
      '<img src=x onerror="document.title=1"> & bold <b> <!channel> @approver',
    );
    expect(await said.locator('.mention').allTextContents()).toEqual(['@approver']);
    expect(await page.locator('main .message img').count()).toBe(0);
    expect(await page.title()).toBe('rescan-bot sandbox');
  });

  test('an ephemeral message is visible to one person, can be dismissed, and disappears with a reload', async () => {
    const { page, client, become } = await slackPage();
    const tell = (text: string) => client.chat.postEphemeral({ channel: CHANNEL, user: 'U0OPERATOR', text });
    await tell('for your eyes');
    await tell('and this');
    await page.locator('.only-you', { hasText: 'Only visible to you' }).first().waitFor();
    await become('approver');
    await page.locator('.only-you').first().waitFor({ state: 'detached' });
    await become('operator');
    await page.locator('.only-you', { hasText: 'for your eyes' }).locator('text=Dismiss message').click();
    await page.locator('.only-you', { hasText: 'for your eyes' }).waitFor({ state: 'detached' });
    expect(await page.locator('.only-you').count()).toBe(1);
    await page.reload();
    await page.locator('.suggestions').waitFor();
    expect(await page.locator('.only-you').count()).toBe(0);
  });

  test('unread messages are counted for each person, are marked by a line, and stay read after a reload', async () => {
    const { page, say, become, type, message } = await slackPage();
    await type('said by myself');
    await message('said by myself').waitFor();
    await page.click('[data-place="C0RANDOM"]');
    await say('one');
    await say('two');
    await page.locator('[data-place="C0TIMESHEET"] .badge', { hasText: '2' }).waitFor();
    await expect.poll(() => page.title()).toBe('(2) rescan-bot sandbox');
    await page.click('[data-place="C0TIMESHEET"]');
    await page.locator('.new-line').waitFor();
    expect(await page.locator('.new-line + .message').textContent()).toContain('one');
    await expect.poll(() => page.locator('.badge').count()).toBe(0);
    await page.reload();
    await message('two').waitFor();
    expect(await page.locator('.badge').count()).toBe(0);
    await page.click('[data-place="C0RANDOM"]');
    await become('approver');
    await page.locator('[data-place="C0TIMESHEET"] .badge', { hasText: '3' }).waitFor();
  });

  test('the list keeps its position while a person reads old messages, and shows the number of new ones', async () => {
    const { page, say, message } = await slackPage();
    for (let n = 1; n <= 30; n++) await say(`line ${n}`);
    await message('line 30').waitFor();
    const list = page.locator('main .messages');
    const top = () => list.evaluate((element) => element.scrollTop);
    await expect.poll(top).toBeGreaterThan(200);
    await list.hover();
    await page.mouse.wheel(0, -5_000);
    await expect.poll(top).toBe(0);
    await say('a new one');
    await page.locator('.jump', { hasText: '1 new message' }).waitFor();
    expect(await top()).toBe(0);
    await page.click('.jump');
    await expect.poll(top).toBeGreaterThan(200);
    await page.locator('.jump').waitFor({ state: 'detached' });
  });

  test('a thread opens beside the channel, takes replies, and Escape closes it and returns the focus', async () => {
    const { page, say, message, axeInBoth } = await slackPage();
    const parent = await say('the parent');
    await say('a reply', { thread_ts: parent });
    await say('another', { thread_ts: parent });
    const link = page.locator('main .thread-link', { hasText: '2 replies' });
    await link.press('Enter');
    await page.locator('aside.thread .message', { hasText: 'another' }).waitFor();
    expect(await message('another').count()).toBe(0);
    await page.fill('#thread-composer', '/demo');
    await page.press('#thread-composer', 'Enter');
    await page.locator('.page-error', { hasText: 'not accept commands in a thread' }).waitFor();
    expect(await page.inputValue('#thread-composer')).toBe('/demo');
    await page.fill('#thread-composer', 'and mine');
    await page.press('#thread-composer', 'Enter');
    await page.locator('aside.thread .message', { hasText: 'and mine' }).waitFor();
    await page.locator('main .thread-link', { hasText: '3 replies' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    await page.press('#thread-composer', 'Escape');
    await page.locator('aside.thread').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement?.className')).toBe('thread-link');
  });

  test('a click acts as the current person, in the channel and in an open thread, and an edit is rendered at once', async () => {
    const clicks: string[] = [];
    const { page, say, become, client, message } = await slackPage({
      app(app) {
        app.action('go', async ({ ack, body }) => {
          await ack();
          clicks.push(body.user.id);
        });
      },
    });
    const blocks = [{ ...section('press it'), accessory: button }];
    const parent = await say('press it', { blocks });
    const reply = await say('press it', { thread_ts: parent, blocks });
    await page.locator('main .thread-link').click();
    await page.locator('aside.thread .message').nth(1).waitFor();
    const inChannel = page.locator('main [data-action="go"]');
    const inThread = page.locator('aside.thread [data-action="go"]').last();
    await inChannel.click();
    await inThread.click();
    await eventually(() => expect(clicks).toHaveLength(2));
    await become('approver');
    await inChannel.click();
    await eventually(() => expect(clicks).toHaveLength(3));
    await inThread.click();
    await eventually(() => expect(clicks).toEqual(['U0OPERATOR', 'U0OPERATOR', 'U0APPROVER', 'U0APPROVER']));
    await client.chat.update({ channel: CHANNEL, ts: parent, text: 'changed', blocks: [section('was *changed*')] });
    await client.chat.update({ channel: CHANNEL, ts: reply, text: 'changed', blocks: [section('*too*')] });
    await message('was changed').locator('.edited').waitFor();
    await page.locator('aside.thread strong', { hasText: 'too' }).waitFor();
    await client.reactions.add({ channel: CHANNEL, timestamp: parent, name: 'eyes' });
    await page.locator('main .reaction').waitFor();
  });

  test('a link to a message of this Slack shows the message in its thread', async () => {
    const { page, say, client, message } = await slackPage();
    const parent = await say('where it was decided');
    const { permalink } = await client.chat.getPermalink({ channel: CHANNEL, message_ts: parent });
    await say(`<${permalink}|decide in the channel>`, { channel: 'C0TIMESHEET' });
    await message('decide in the channel').locator('a').click();
    await page.locator('.pointed-at', { hasText: 'where it was decided' }).waitFor();
    expect(page.context().pages()).toHaveLength(1);
  });

  test('a CSV opens as a table, a picture is shown in the message, and other files can be downloaded', async () => {
    const { page, client, axeInBoth } = await slackPage();
    const share = (filename: string, content: Buffer) =>
      client.filesUploadV2({ channel_id: CHANNEL, filename, file: content, initial_comment: `here is ${filename}` });
    await share(
      'failed.csv',
      Buffer.from('ImageKey,Error\r\n"a ""quoted"", key.png","line one\nline two"\r\n<b>.png,=1+1\r\n'),
    );
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
      'base64',
    );
    await share('sheet.png', png);
    await share('page.html', Buffer.from('<script>document.title=1</script>'));
    await share('code.zip', Buffer.from('PK\u0003\u0004'));
    await page.locator('.file-open', { hasText: 'failed.csv' }).click();
    await page.locator('.csv td', { hasText: 'a "quoted", key.png' }).waitFor();
    expect(await page.locator('.csv thead th').allTextContents()).toEqual(['ImageKey', 'Error']);
    expect(await page.locator('.csv tbody tr').count()).toBe(2);
    await page.locator('img.picture[alt="sheet.png"]').waitFor();
    await page.locator('.file-open', { hasText: 'page.html' }).click();
    await page.locator('.file-text', { hasText: '<script>' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('[aria-label="Download code.zip"]').click(),
    ]);
    expect(download.suggestedFilename()).toBe('code.zip');
    expect(await page.title()).toBe('rescan-bot sandbox');
    expect(await axeInBoth()).toEqual([]);
  });

  test('a person can attach a file to a message', async () => {
    const { page, message } = await slackPage();
    await page.setInputFiles('#composer-files', {
      name: 'keys.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('a.png'),
    });
    await message('keys.txt').waitFor();
  });

  test('the colour scheme follows the machine until a person chooses, and the choice is kept', async () => {
    const { page, url } = await slackPage({ colorScheme: 'dark' });
    const theme = () => page.evaluate('document.documentElement.dataset.theme');
    expect(await theme()).toBe('dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(theme).toBe('light');
    await page.click('button.theme');
    await expect.poll(theme).toBe('dark');
    await page.reload();
    await page.locator('#composer').waitFor();
    expect(await theme()).toBe('dark');
    // Another browser does not have the stored choice.
    expect(await (await openPage(url)).page.evaluate('document.documentElement.dataset.theme')).toBe('light');
  });

  test('the Home tab is rendered for each person as the app publishes it, and passes axe', async () => {
    const { page, become, axeInBoth } = await slackPage({
      app(app) {
        app.event('app_home_opened', async ({ event, client }) => {
          const blocks = [{ type: 'header' as const, text: plain(`Home of ${event.user}`) }, section('*All* is well')];
          await client.views.publish({ user_id: event.user, view: { type: 'home', blocks } });
        });
      },
    });
    await page.click('[data-place="home"]');
    await page.locator('.home', { hasText: 'Home of U0OPERATOR' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
    await become('viewer');
    await page.locator('.home', { hasText: 'Home of U0VIEWER' }).waitFor();
  });

  test.each([
    [900, 700],
    [600, 800],
    [380, 700],
  ])(
    'a window of %i × %i shows the whole conversation, has buttons for the rest, and passes axe',
    async (width, height) => {
      const { page, say, message, axeInBoth } = await slackPage({ width, height });
      const parent = await say('a message with a button', {
        blocks: [{ ...section('a message with a button'), accessory: button }],
      });
      await say('a reply', { thread_ts: parent });
      await message('a message with a button').waitFor();
      const wide = await page.evaluate('document.documentElement.scrollWidth');
      expect(wide).toBeLessThanOrEqual(width);
      await page.locator('main').getByRole('button', { name: 'Go' }).click();
      if (width < 760) {
        await page.click('.menu-toggle');
        await page.check('[data-person="approver"]');
        await page.click('.menu-toggle');
        await page.locator('.you-are', { hasText: 'approver' }).waitFor();
      }
      await page.click('.world-toggle');
      await page.locator('aside.world h2').waitFor();
      expect(await axeInBoth()).toEqual([]);
      await page.click('.world-toggle');
      await page.locator('main .thread-link').click();
      await page.locator('aside.thread .message', { hasText: 'a reply' }).waitFor();
      expect(await axeInBoth()).toEqual([]);
    },
  );

  test('the page shows that the sandbox does not answer, and keeps the last state', async () => {
    const { page, slack, say, message } = await slackPage();
    await say('before');
    await message('before').waitFor();
    await slack.close();
    await page.locator('.page-error', { hasText: 'does not answer' }).waitFor();
    await message('before').waitFor();
  });
});
