import { describe, expect, test } from 'vitest';
import { groupByInvocation } from '../../../src/pipeline/logs/log-report.ts';
import type { LogLine } from '../../../src/pipeline/logs/logs.ts';
import { cpuMs } from '../../support/cpu-time.ts';

const A = '11111111-aaaa-4aaa-8aaa-111111111111';
const B = '22222222-bbbb-4bbb-8bbb-222222222222';
const OTHER = '33333333-cccc-4ccc-8ccc-333333333333';
let id = 0;
const said = (stream: string, ...messages: readonly string[]): LogLine[] =>
  messages.map((message) => {
    id += 1;
    return { at: 1_000 + id, stream, message, id: String(id) };
  });
const report = (requestId: string, status = '') =>
  `REPORT RequestId: ${requestId}\tDuration: 1200.50 ms\tBilled Duration: 1201 ms\tMemory Size: 512 MB\tMax Memory Used: 130 MB\t${status}`;
const shown = (lines: readonly LogLine[], hits?: ReadonlySet<string>) =>
  groupByInvocation(lines, hits).map(({ requestId, isError, lines: its }) => [
    requestId?.slice(0, 4) ?? 'outside',
    isError,
    its.map(({ message }) => message),
  ]);

describe('grouping lines by invocation', () => {
  test('assigns lines to the START before them in their stream, errors first, then newest first', () => {
    const lines = [
      ...said('s1', `START RequestId: ${A} Version: 1`, 'reads x'),
      ...said('s2', `START RequestId: ${B} Version: 1`, 'reads y'),
      ...said('s1', '[ERROR] ValueError: no', `END RequestId: ${A}`, report(A)),
      ...said('s2', 'stored', `END RequestId: ${B}`, report(B)),
    ];
    expect(shown(lines)).toEqual([
      ['1111', true, ['reads x', '[ERROR] ValueError: no']],
      ['2222', false, ['reads y', 'stored']],
    ]);
    expect(groupByInvocation(lines)[1]?.report).toEqual({ durationMs: 1200.5, memoryMb: 512, maxMemoryMb: 130 });
    expect(groupByInvocation(lines)[0]?.firstError).toBe(1);
  });

  test('assigns a timeout after the REPORT to the invocation that it names', () => {
    const lines = said(
      's1',
      `START RequestId: ${A} Version: 1`,
      `END RequestId: ${A}`,
      report(A, 'Status: timeout'),
      `2025-11-21T10:00:00.000Z ${A} Task timed out after 3.00 seconds`,
    );
    expect(shown(lines)).toEqual([['1111', true, [lines[3]?.message]]]);
  });

  test('does not create an invocation for an unknown id in a line', () => {
    const lines = said('s1', `START RequestId: ${A} Version: 1`, `Bedrock answered, request ${OTHER}`);
    expect(shown(lines)).toEqual([['1111', false, [lines[1]?.message]]]);
  });

  test('marks an invocation that Lambda ended as an error, even without an error line', () => {
    const lines = said(
      's1',
      `START RequestId: ${A} Version: 1`,
      'reads x',
      report(A, 'Status: error\tError Type: Runtime.ExitError'),
    );
    expect(shown(lines)).toEqual([['1111', true, ['reads x']]]);
    const fine = said('s1', `START RequestId: ${A} Version: 1`, 'reads x', report(A, 'Status: success'));
    expect(shown(fine)).toEqual([['1111', false, ['reads x']]]);
  });

  test('assigns the initialisation of a runtime to its invocation', () => {
    const lines = said('s1', 'INIT_START Runtime Version: python:3.13', `START RequestId: ${A} Version: 1`, 'reads x');
    expect(shown(lines)).toEqual([['1111', false, ['INIT_START Runtime Version: python:3.13', 'reads x']]]);
    expect(shown(said('s1', 'INIT_START Runtime Version: python:3.13'))).toHaveLength(1);
  });

  test('keeps lines without a START separate', () => {
    expect(shown(said('s1', 'the rest of something', `END RequestId: ${A}`))).toEqual([
      ['1111', false, []],
      ['outside', false, ['the rest of something']],
    ]);
  });

  test('reads the JSON format of Lambda', () => {
    const json = (value: object) => JSON.stringify(value);
    const lines = said(
      's1',
      json({ time: 't', type: 'platform.start', record: { requestId: A, version: '1' } }),
      json({ timestamp: 't', level: 'ERROR', message: 'cannot', requestId: A }),
      '{ no json',
      json({ time: 't', type: 'platform.runtimeDone', record: { requestId: A, status: 'success' } }),
      json({
        time: 't',
        type: 'platform.report',
        record: { requestId: A, status: 'timeout', metrics: { durationMs: 7, memorySizeMB: 128 } },
      }),
    );
    const [only, ...others] = groupByInvocation(lines);
    expect(others).toEqual([]);
    expect(only).toMatchObject({
      requestId: A,
      isError: true,
      firstError: 0,
      report: { durationMs: 7, memoryMb: 128 },
    });
    expect(only?.lines).toHaveLength(2);
  });

  test('marks the invocations of the searched lines, including Lambda’s own lines', () => {
    const lines = [
      ...said('s1', `START RequestId: ${A} Version: 1`, 'x', report(A)),
      ...said('s2', `START RequestId: ${B} Version: 1`, 'y', report(B)),
    ];
    const hit = groupByInvocation(lines, new Set([lines[2]?.id ?? '']));
    expect(hit.filter(({ isHit }) => isHit).map(({ requestId }) => requestId)).toEqual([A]);
    expect(groupByInvocation(lines).map(({ isHit }) => isHit)).toEqual([true, true]);
  });

  test('reads a line that is made to be slow quickly', () => {
    const began = cpuMs();
    for (const piece of ['a', 'a ', '1-', 'Error ', 'Duration: 1', '{"a":'])
      groupByInvocation(
        said('s', piece.repeat(250_000 / piece.length), `REPORT RequestId: ${A} ${piece.repeat(50_000)}`),
      );
    expect(cpuMs() - began).toBeLessThan(5_000);
  });
});
