import { CreateStateMachineCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { type LocalAws, startLocalAws } from '../../sandbox/aws/server.ts';
import { startPageServer } from '../../sandbox/web/server.ts';
import { slackForTest } from '../sandbox/slack/harness.ts';
import { describePage, type OpenPage, openPage } from './page-rig.ts';

/** The page on a local Slack and a local AWS, without a bot. */
async function worldPage(): Promise<OpenPage & { aws: LocalAws }> {
  const slack = await slackForTest();
  const aws = await startLocalAws({ port: 0, images: 40, seedTable: 'full' });
  onTestFinished(() => aws.close());
  const server = await startPageServer({ port: 0, slackUrl: slack.url, awsUrl: aws.url });
  onTestFinished(() => server.close());
  return { aws, ...(await openPage(server.url)) };
}

describePage('the World pane', () => {
  test('one click starts and ends each fault, and sliders and switches change their settings', async () => {
    const { page, aws, axeInBoth } = await worldPage();
    const dials = page.locator('.dials');
    await dials.waitFor();
    for (const toggle of await page.locator('.fault-switch input').all()) {
      const name = await toggle.getAttribute('data-dial');
      const before = JSON.stringify(aws.world());
      await toggle.click();
      await expect.poll(() => JSON.stringify(aws.world()), { message: `${name} on` }).not.toBe(before);
      await expect.poll(() => toggle.isChecked()).toBe(true);
      await toggle.click();
      await expect.poll(() => JSON.stringify(aws.world()), { message: `${name} off` }).toBe(before);
    }
    for (const summary of await page.locator('.dial-group summary').all()) await summary.click();
    expect(await axeInBoth()).toEqual([]);
    await page.locator('#failure-timeout').fill('40');
    await page.locator('#failure-crash').fill('10');
    await page.locator('#latency').fill('3000');
    await page.locator('#dial-dynamodb-throttles').fill('25');
    await page.locator('#dial-waits-of-state-machines-pass').fill('40');
    await page.locator('[data-dial="The state machine may not invoke"]').check();
    await page.locator('[data-dial="The function may not write (PutItem)"]').check();
    await page.locator('[data-dial="Table billing"]').selectOption('provisioned');
    await expect
      .poll(() => aws.world())
      .toMatchObject({
        failures: [
          { rate: 0.4, kind: 'timeout' },
          { rate: 0.1, kind: 'crash' },
        ],
        latencyMs: { min: 1000, max: 3000 },
        dynamodb: { throttleRate: 0.25, unprocessedRate: 0 },
        functionDenied: ['dynamodb:PutItem'],
        stepFunctions: { speed: 40, denied: ['lambda:InvokeFunction'] },
        billing: 'provisioned',
      });
    await page.click('[data-reset="yes"]');
    await expect.poll(() => aws.world()).toMatchObject({ failures: [], functionDenied: [], billing: 'on-demand' });
  });

  test('a change that the local AWS refuses is shown as an error and changes nothing', async () => {
    const { page } = await worldPage();
    await page.route('**/aws/sandbox/world', (route) =>
      route.request().method() === 'POST'
        ? route.fulfill({ status: 400, json: { error: 'outage: unknown setting' } })
        : route.continue(),
    );
    await page.locator('[data-dial="AWS does not answer"]').click();
    await page.locator('.world [role="alert"]', { hasText: 'unknown setting' }).waitFor();
  });

  test('the table is counted and listed by kind, and a record opens with all its attributes', async () => {
    const { page, axeInBoth } = await worldPage();
    const coverage = page.locator('[data-tally="coverage"] dd');
    await expect.poll(() => coverage.textContent()).toMatch(/^[1-9]/);
    await page.locator('#tab-dials').focus();
    await page.keyboard.press('ArrowRight');
    await page.locator('#tab-table[aria-selected="true"]').waitFor();
    await page.locator('.small-table tbody tr').first().waitFor();
    expect(await axeInBoth()).toEqual([]);
    await page.locator('[data-kind="yes"]').selectOption('coverage');
    await expect
      .poll(async () => (await page.locator('.small-table tbody tr').count()) === Number(await coverage.textContent()))
      .toBe(true);
    await page.locator('.small-table .link').first().click();
    await page.locator('.record dt', { hasText: 'WeeksSubmitted' }).waitFor();
    expect(await axeInBoth()).toEqual([]);
  });

  test('an image can be viewed, added and removed', async () => {
    const { page, aws, axeInBoth } = await worldPage();
    const objects = async () => {
      const seen = await (await fetch(`${aws.url}/sandbox/bucket?limit=200`)).json();
      return z
        .object({ objects: z.array(z.object({ key: z.string() })) })
        .parse(seen)
        .objects.map(({ key }) => key);
    };
    const before = await objects();
    await page.click('#tab-bucket');
    const name = '<i>é & #1?.png';
    await page.setInputFiles('#bucket-upload', { name, mimeType: 'image/png', buffer: Buffer.from('\u0089PNG') });
    await expect.poll(objects).toContain(`uploaded/${name}`);
    await page.locator('.small-table .link').first().click();
    const width = "document.querySelector('.world img.picture')?.naturalWidth ?? 0";
    await expect.poll(() => page.evaluate(width)).toBeGreaterThan(0);
    expect(await axeInBoth()).toEqual([]);
    await page.click('[data-remove="yes"]');
    await expect.poll(async () => (await objects()).length).toBe(before.length);
    expect(await objects()).not.toContain(before[0]);
  });

  test('the function tab shows the deployed code, the invocations and the log while they change', async () => {
    const { page, aws, axeInBoth } = await worldPage();
    await page.click('#tab-function');
    await page.locator('.replies', { hasText: 'Not invoked yet' }).waitFor();
    const seen = await (await fetch(`${aws.url}/sandbox/bucket?limit=1`)).json();
    const [image] = z.object({ objects: z.array(z.object({ key: z.string() })) }).parse(seen).objects;
    const event = {
      Records: [
        { s3: { bucket: { name: z.object({ bucket: z.string() }).parse(seen).bucket }, object: { key: image?.key } } },
      ],
    };
    await fetch(`${aws.url}/2015-03-31/functions/TimesheetOCR-ocr-dev/invocations`, {
      method: 'POST',
      body: JSON.stringify(event),
    });
    await page.locator('.replies', { hasText: '1 ' }).waitFor();
    await page.locator('.log', { hasText: 'REPORT RequestId' }).waitFor();
    await page.locator('[data-only-errors="yes"]').check();
    await page.locator('.log', { hasText: 'No error' }).waitFor();
    await page.locator('summary', { hasText: 'Deployed code' }).click();
    await page.locator('dl.record dt').first().waitFor();
    expect(await axeInBoth()).toEqual([]);
  });

  test('the executions tab shows what the children of each Map Run came to', async () => {
    const { page, aws, axeInBoth } = await worldPage();
    await page.click('#tab-executions');
    await page.locator('[data-machines]', { hasText: 'No state machine is installed' }).waitFor();
    const sfn = new SFNClient({
      endpoint: aws.url,
      region: 'us-east-1',
      credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    });
    onTestFinished(() => sfn.destroy());
    const odd = { Variable: '$', NumericEquals: 1, Next: 'No' };
    const States = {
      Each: {
        Type: 'Map',
        ToleratedFailureCount: 1,
        MaxConcurrency: 3,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
          StartAt: 'Is one',
          States: {
            'Is one': { Type: 'Choice', Choices: [odd], Default: 'Yes' },
            Yes: { Type: 'Succeed' },
            No: { Type: 'Fail', Error: 'One' },
          },
        },
        End: true,
      },
    };
    const roleArn = 'arn:aws:iam::016164185850:role/machine';
    const definition = JSON.stringify({ StartAt: 'Each', States });
    const created = await sfn.send(new CreateStateMachineCommand({ name: 'rescan-bot', definition, roleArn }));
    const { stateMachineArn } = created;
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name: 'r-0001-1', input: '[3, 1, 2]' }));
    await page.locator('[data-machines]', { hasText: 'Installed: rescan-bot' }).waitFor();
    const row = page.locator('.small-table tbody tr', { hasText: 'r-0001-1' });
    await row.filter({ hasText: 'SUCCEEDED' }).waitFor();
    expect(await row.locator('td').allTextContents()).toEqual(['r-0001-1', 'SUCCEEDED', '2 succeeded, 1 failed', '3']);
    expect(await axeInBoth()).toEqual([]);
  });
});
