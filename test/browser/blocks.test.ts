import { expect, test } from 'vitest';
import { GALLERY, HOSTILE } from './gallery.ts';
import { describePage } from './page-rig.ts';
import { slackPage } from './slack-rig.ts';

describePage('blocks on the page', () => {
  test('every block and element that the bot sends is rendered, and passes axe in both colour schemes', async () => {
    const { page, say, message, axeInBoth } = await slackPage();
    for (const [name, { blocks, seen }] of Object.entries(GALLERY)) {
      await say(name, { blocks });
      const [[selector, text] = ['', '']] = seen;
      const shown = page.locator('main .message', { has: page.locator(selector, { hasText: text }) }).last();
      await shown.waitFor();
      for (const [part, words] of seen)
        expect(
          await shown.locator(part).filter({ hasText: words }).count(),
          `${name}: ${part} with "${words}"`,
        ).toBeGreaterThan(0);
    }
    expect(await page.locator('main pre.unknown').count()).toBe(1);
    // Names and addresses contain markup: no image was created, no script ran, and only http addresses are links.
    expect(await page.locator('main .message img').count()).toBe(0);
    expect(await page.locator('main .message a[href^="javascript"]').count()).toBe(0);
    expect(await page.title()).toBe('rescan-bot sandbox');
    await message('Option c2').waitFor();
    expect(await axeInBoth()).toEqual([]);
  });

  test('a click on a header sorts a data table, numbers by value, and its pages can be turned', async () => {
    const { page, say } = await slackPage();
    await say('table', { blocks: GALLERY['data table']?.blocks ?? [] });
    const firstCell = page.locator('.data-table tbody tr').first().locator('th');
    await page.locator('.sort', { hasText: 'Images' }).click();
    await page.locator('.sort', { hasText: 'Images' }).click();
    await expect.poll(() => firstCell.textContent()).toBe('textract');
    await page.locator('.pages button', { hasText: 'Next' }).click();
    await expect.poll(() => firstCell.textContent()).toBe('timeout');
  });

  test('mrkdwn is rendered like in Slack and never as HTML', async () => {
    const { page, say, message } = await slackPage();
    await say(`A &lt;b&gt; &amp;amp; ${HOSTILE.replaceAll('<', '&lt;').replaceAll('>', '&gt;')}`);
    await message('A <b> &amp;').waitFor();
    await say('*bold with `co*de` inside* and 2*3*4, snake_case_name, ~gone~ https://example.com/a_b?x=1.');
    const second = message('bold with');
    await second.waitFor();
    expect(await second.locator('strong code').textContent()).toBe('co*de');
    expect(await second.locator('.text').textContent()).toContain('2*3*4, snake_case_name');
    expect(await second.locator('a').getAttribute('href')).toBe('https://example.com/a_b?x=1');
    await say('before\n&gt; one\n&gt; two\nafter\n```\n*not bold* &lt;i&gt;\n```\nend :no_such_emoji: :x:');
    const third = message('before');
    await third.waitFor();
    expect(await third.locator('blockquote').count()).toBe(1);
    expect(await third.locator('blockquote').textContent()).toBe('onetwo');
    expect((await third.locator('pre').textContent())?.trim()).toBe('*not bold* <i>');
    expect(await third.locator('.text').textContent()).toContain(':no_such_emoji:');
    expect(await third.locator('svg[aria-label=":x:"]').count()).toBe(1);
    await say(
      '<!date^1700000000^{date_num} {time}|fallback> <!date^never^{date}|kept words> <!here> <#C0RANDOM> <javascript:alert(1)|x>',
    );
    const fourth = message('kept words');
    await fourth.waitFor();
    expect(await fourth.locator('time').last().textContent()).toMatch(/^2023-11-1\d \d+:\d\d [AP]M$/);
    expect(await fourth.locator('.mention').allTextContents()).toEqual(['@here', '#random']);
    expect(await fourth.locator('a').count()).toBe(0);
    expect(await page.locator('main .message img').count()).toBe(0);
  });
});
