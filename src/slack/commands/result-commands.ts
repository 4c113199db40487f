import type { RetryRequest } from '../../checklist/contracts/result-control.ts';
import { suggestNearest } from '../../lib/nearest.ts';
import { FAILURE_TYPES } from '../../pipeline/invoke/invocation.ts';
import { isFailureType } from '../../results/failures/failures.ts';
import type { RestoreRowsForm } from '../forms/restore-rows-form.ts';
import { code } from '../messages/kit/escape.ts';
import { counted } from '../messages/kit/format.ts';
import { say } from '../messages/kit/message.ts';
import type { FileLocation, ResultFiles } from '../requests/result-files.ts';
import type { ResultRequests } from '../requests/result-requests.ts';
import type { AuditCommandPorts } from './audit-command.ts';
import { type Command, withoutArguments } from './command.ts';
import { type Read, readOptions, splitArguments } from './parse/options.ts';

export interface ResultCommandPorts {
  readonly requests: ResultRequests;
  readonly files: Pick<ResultFiles, 'failures' | 'run' | 'diff'>;
  readonly exportAudit: AuditCommandPorts['exportAudit'];
  readonly putBack: RestoreRowsForm;
  /** The thread of a run, of the last one where none is named, if it is in this channel: its CSV goes there. */
  readonly threadIn: (channel: string, runId?: string) => Promise<FileLocation | undefined>;
}

/** `/rescan failures` */
export const failuresCommand = ({ requests }: ResultCommandPorts): Command => ({
  word: 'failures',
  role: 'viewer',
  usage: 'failures',
  help: 'failed images by cause, out of the table and the last run, with a button to retry each',
  read: withoutArguments('failures', {
    immediateReply: say('Reading the failures of the table and of the runs…'),
    execute: (requester) => requests.showFailures(requester),
  }),
});

const EXPORTS = ['failures', 'run', 'diff', 'audit'] as const;

/** `/rescan export [failures|run|diff|audit]` */
export const exportCommand = ({ files, exportAudit, threadIn }: ResultCommandPorts): Command => ({
  word: 'export',
  role: 'viewer',
  usage: 'export [failures | run [r-0001] | diff [BACKUP] | audit]',
  help: 'CSV into the channel: failed images, what a run’s images came to, every change against a backup, the audit',
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const [typed = 'failures', id, ...more] = words.value;
    const what = EXPORTS.find((word) => word === typed.toLowerCase());
    if (what === undefined) {
      const [near] = suggestNearest(typed, EXPORTS);
      return {
        ok: false,
        line: `${code(typed, 60)} cannot be exported${near === undefined ? '.' : `; did you mean \`${near}\`?`}`,
      };
    }
    if (more.length > 0 || (id !== undefined && (what === 'failures' || what === 'audit')))
      return { ok: false, line: `${code([id, ...more].join(' '), 60)} is not understood.` };
    const immediateReply = say('Writing the CSV…');
    switch (what) {
      case 'failures':
        return {
          ok: true,
          value: {
            immediateReply,
            execute: async ({ channel }) => files.failures((await threadIn(channel)) ?? { channel }),
          },
        };
      case 'run':
        return {
          ok: true,
          value: {
            immediateReply,
            execute: async ({ channel }) => files.run((await threadIn(channel, id)) ?? { channel }, id),
          },
        };
      case 'diff':
        return { ok: true, value: { immediateReply, execute: ({ channel }) => files.diff({ channel }, id) } };
      case 'audit':
        return { ok: true, value: { immediateReply, execute: exportAudit } };
    }
  },
});

/** `/rescan retry [type=…] [cause=…] [images…]` */
export const retryCommand = ({ requests }: ResultCommandPorts): Command => ({
  word: 'retry',
  role: 'operator',
  usage: 'retry [type=TEXTRACT_ERROR] [cause=ID] [IMAGE…]',
  help: 'plan a run over failed images only: all of them, those of a type or cause, or the ones you name',
  read(rest) {
    const setting = readRetry(rest);
    if (!setting.ok) return setting;
    return {
      ok: true,
      value: {
        immediateReply: say('Looking which images that are…'),
        execute: (requester) => requests.retry(setting.value.setting, setting.value.what, requester),
      },
    };
  },
});

/** Reads `type=TEXTRACT_ERROR`, `cause=1a2b3c4d5e`, or names of images. */
export function readRetry(rest: string): Read<{ readonly setting: RetryRequest; readonly what: string }> {
  const words = splitArguments(rest);
  if (!words.ok) return words;
  const isOption = (word: string) => /^(type|cause)=/i.test(word);
  const options = readOptions(words.value.filter(isOption), ['type', 'cause']);
  if (!options.ok) return options;
  const images = words.value.filter((word) => !isOption(word));
  const causeId = options.value.get('cause');
  const failureType = options.value.get('type')?.toUpperCase();
  if (images.length > 0 && options.value.size > 0)
    return { ok: false, line: 'Name images, or give `type=` and `cause=`, not both.' };
  if (causeId !== undefined && !/^[0-9a-f]{10}$/.test(causeId))
    return { ok: false, line: `${code(causeId, 60)} is no cause: ten digits and letters a to f, as in the CSV.` };
  if (failureType !== undefined && !isFailureType(failureType)) {
    const [near] = suggestNearest(failureType, FAILURE_TYPES);
    return {
      ok: false,
      line: `There is no type ${code(failureType, 60)}. ${near === undefined ? `Types are ${FAILURE_TYPES.map((type) => `\`${type}\``).join(', ')}.` : `Did you mean \`${near}\`?`}`,
    };
  }
  const what = [
    ...(images.length > 0 ? [`${counted(images.length, 'image')} by name`] : []),
    ...(failureType === undefined ? [] : [`type ${failureType}`]),
    ...(causeId === undefined ? [] : [`cause ${causeId}`]),
  ];
  return {
    ok: true,
    value: {
      setting: {
        kind: 'failed',
        choice: {
          ...(images.length > 0 ? { images: new Set(images) } : {}),
          ...(failureType === undefined ? {} : { failureType }),
          ...(causeId === undefined ? {} : { causeId }),
        },
      },
      what: what.length === 0 ? 'every failed image' : what.join(', '),
    },
  };
}

/** `/rescan validate [r-0001] [person=…] [seed=…]` */
export const validateCommand = ({ requests }: ResultCommandPorts): Command => ({
  word: 'validate',
  role: 'viewer',
  usage: 'validate [r-0001] [person=Nik_Coultas | seed=7]',
  help: 'hold the table against manifest, outcomes and backup: every image accounted for, and some people side by side',
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const [runId] = words.value.filter((word) => /^r-\d+$/i.test(word));
    const options = readOptions(
      words.value.filter((word) => word !== runId),
      ['person', 'seed'],
    );
    if (!options.ok) return options;
    const person = options.value.get('person');
    const seed = options.value.get('seed');
    if (seed !== undefined && !/^\d{1,9}$/.test(seed))
      return { ok: false, line: '`seed=` must be a whole number of at most nine digits.' };
    if (person !== undefined && seed !== undefined)
      return { ok: false, line: 'Give `person=` or `seed=`, not both: a seed draws the people.' };
    const request = {
      ...(runId === undefined ? {} : { runId: runId.toLowerCase() }),
      ...(person === undefined ? {} : { person }),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    };
    const immediateReply = say('Holding the table against the manifest, the outcomes and the backup…');
    return { ok: true, value: { immediateReply, execute: (requester) => requests.validate(request, requester) } };
  },
});

/** `/rescan diff [BACKUP]`, `diff restore [BACKUP] [person=…]` */
export const diffCommand = ({ requests, putBack }: ResultCommandPorts): Command => ({
  word: 'diff',
  role: 'viewer',
  usage: 'diff [BACKUP] | diff restore [BACKUP] [person=Nik_Coultas]',
  help: 'every change of the table against a backup: removed entries first, hours gained and lost; put removed ones back',
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const isRestore = words.value[0]?.toLowerCase() === 'restore';
    const others = isRestore ? words.value.slice(1) : words.value;
    const options = readOptions(
      others.filter((word) => word.includes('=')),
      ['person'],
    );
    if (!options.ok) return options;
    const [backupId, ...more] = others.filter((word) => !word.includes('='));
    if (more.length > 0) return { ok: false, line: `${code(more.join(' '), 60)} is not understood.` };
    const person = options.value.get('person');
    if (person !== undefined && !isRestore) return { ok: false, line: '`person=` goes with `diff restore`.' };
    if (isRestore) {
      const wanted = {
        ...(backupId === undefined ? {} : { backupId }),
        ...(person === undefined ? {} : { person: person.trim().replaceAll(' ', '_') }),
      };
      return {
        ok: true,
        value: { execute: (requester) => putBack.open(requester.triggerId ?? '', wanted, requester) },
      };
    }
    const immediateReply = say('Holding the table against the backup, record by record…');
    return { ok: true, value: { immediateReply, execute: (requester) => requests.showDiff(backupId, requester) } };
  },
});

/** `/rescan diagnose` */
export const diagnoseCommand = ({ requests }: ResultCommandPorts): Command => ({
  word: 'diagnose',
  role: 'viewer',
  usage: 'diagnose',
  help: 'look at what may be wrong: causes and where they cluster, throttling, timeout, memory, quotas; and what to do',
  read: withoutArguments('diagnose', {
    immediateReply: say('Looking at failures, log, metrics and quotas…'),
    execute: (requester) => requests.diagnose(requester),
  }),
});
