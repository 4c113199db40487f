import { defined } from '../../../lib/defined.ts';
import { suggestNearest } from '../../../lib/nearest.ts';
import { succeed } from '../../../lib/result.ts';
import type { RestoreRowsForm } from '../../forms/restore-rows-form.ts';
import { code } from '../../messages/kit/escape.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import type { FilePlaces } from '../../requests/results/file-places.ts';
import type { FileLocation, ResultFiles } from '../../requests/results/result-files.ts';
import type { ResultRequests } from '../../requests/results/result-requests.ts';
import type { AuditCommandPorts } from '../checklist/audit-command.ts';
import { type Command, type CommandDescription, type Requester, withoutArguments } from '../command.ts';
import { plainValues, readOptions, reject, splitArguments } from '../parse/options.ts';
import { readRetry } from '../parse/retry-request.ts';
import { plainValue, plainWord } from '../parse/typed.ts';

export interface ResultCommandPorts {
  readonly requests: ResultRequests;
  readonly files: Pick<ResultFiles, 'failures' | 'run' | 'diff'>;
  readonly exportAudit: AuditCommandPorts['exportAudit'];
  readonly putBack: RestoreRowsForm;
  readonly places: FilePlaces;
}

export const failuresDescription: CommandDescription = {
  word: 'failures',
  group: 'results',
  role: 'viewer',
  summary: 'list the failed images by cause, each with a button to retry',
  usage: 'failures',
  example: 'failures',
};

export const failuresCommand = ({ requests }: ResultCommandPorts): Command => ({
  ...failuresDescription,
  read: withoutArguments('failures', {
    immediateReply: say('Reading the failures in the table and in the runs…'),
    isAudited: true,
    isHeavy: true,
    execute: (requester) => requests.showFailures(requester),
  }),
});

const EXPORTS = ['failures', 'run', 'diff', 'audit'] as const;

export const exportDescription: CommandDescription = {
  word: 'export',
  group: 'results',
  role: 'viewer',
  summary: 'upload a CSV: failed images, outcomes of a run, changes since a backup, or the audit',
  usage: 'export [failures | run [r-0001] | diff [BACKUP] | audit]',
  options: [
    ['failures', 'the failed images (default)'],
    ['run [r-0001]', 'the outcome of every image of a run'],
    ['diff [BACKUP]', 'every change since a backup'],
    ['audit', 'every entry of the audit'],
  ],
  example: 'export run',
};

export const exportCommand = ({ files, exportAudit, places }: ResultCommandPorts): Command => {
  /** Shares a file in the thread of the run, else in direct messages, and says where it is. */
  const upload = async (
    requester: Requester,
    runId: string | undefined,
    share: (location: FileLocation) => Promise<Message | undefined>,
  ) => places.upload(await places.find(requester, runId), share);
  return {
    ...exportDescription,
    read(rest) {
      const words = splitArguments(rest);
      if (!words.ok) return words;
      const [typed = 'failures', typedId, ...more] = words.value;
      const id = typedId === undefined ? undefined : plainValue(typedId);
      const what = EXPORTS.find((word) => word === plainWord(typed));
      if (what === undefined) {
        const [near] = suggestNearest(typed, EXPORTS);
        return reject(
          `${code(typed, 60)} cannot be exported. ${near === undefined ? `These can: ${EXPORTS.map((name) => `\`${name}\``).join(', ')}.` : `Did you mean \`${near}\`?`}`,
        );
      }
      if (more.length > 0 || (id !== undefined && (what === 'failures' || what === 'audit')))
        return reject(`\`export ${what}\` does not take ${code([typedId, ...more].join(' '), 60)}.`);
      const accepted = { immediateReply: say('Preparing the CSV…'), isAudited: true, isHeavy: true } as const;
      switch (what) {
        case 'failures':
          return succeed({
            ...accepted,
            execute: (requester) => upload(requester, undefined, (location) => files.failures(location)),
          });
        case 'run':
          return succeed({
            ...accepted,
            execute: (requester) => upload(requester, id, (location) => files.run(location, id)),
          });
        case 'diff':
          return succeed({
            ...accepted,
            execute: (requester) => upload(requester, undefined, (location) => files.diff(location, id)),
          });
        case 'audit':
          return succeed({ ...accepted, execute: exportAudit });
      }
    },
  };
};

export const retryDescription: CommandDescription = {
  word: 'retry',
  group: 'results',
  role: 'operator',
  summary: 'plan a run over failed images only, or over those that need a review',
  usage: 'retry [review] [type=TEXTRACT_ERROR] [cause=ID] [IMAGE…] [engine=step-functions]',
  options: [
    ['review', 'the processed images of the last run in which the function’s own validation found errors'],
    ['type=TEXTRACT_ERROR', 'only failures of this type'],
    ['cause=ID', 'only failures with this cause; the CSV of failures has the ids'],
    ['IMAGE…', 'only these images, by key; put a key with spaces in quotes'],
    ['engine=step-functions', 'what invokes the function, as in `/rescan start`'],
  ],
  example: 'retry type=TEXTRACT_ERROR',
};

export const retryCommand = ({ requests }: ResultCommandPorts): Command => ({
  ...retryDescription,
  read(rest) {
    const setting = readRetry(rest);
    if (!setting.ok) return setting;
    return succeed({
      immediateReply: say('Finding those images…'),
      execute: (requester) =>
        requests.retry(setting.value.setting, setting.value.what, requester, setting.value.engine),
    });
  },
});

export const validateDescription: CommandDescription = {
  word: 'validate',
  group: 'results',
  role: 'viewer',
  summary: 'check that every image is accounted for, and compare the table with the backup',
  usage: 'validate [r-0001] [person="Ana Bel" | seed=7]',
  options: [
    ['r-0001', 'another run than the last one'],
    ['person=NAME', 'compare the entries of one person'],
    ['seed=7', 'draw the same people again'],
  ],
  example: 'validate',
};

export const validateCommand = ({ requests }: ResultCommandPorts): Command => ({
  ...validateDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const isRunId = (word: string) => /^r-\d+$/.test(plainValue(word));
    const [runId] = words.value.filter(isRunId);
    const options = readOptions(
      words.value.filter((word) => word !== runId),
      ['person', 'seed'],
    );
    if (!options.ok) return options;
    const person = options.value.get('person');
    const { seed } = plainValues(options.value);
    if (seed !== undefined && !/^\d{1,9}$/.test(seed))
      return reject('`seed=` must be a whole number of at most nine digits.');
    if (person !== undefined && seed !== undefined)
      return reject('Give either `person=` or `seed=`, not both: a seed draws people at random.');
    const request = defined({
      runId: runId === undefined ? undefined : plainValue(runId),
      person,
      seed: seed === undefined ? undefined : Number(seed),
    });
    const immediateReply = say('Comparing the table with the image list, the results and the backup…');
    const execute = (requester: Requester) => requests.validate(request, requester);
    return succeed({ immediateReply, execute, isAudited: true, isHeavy: true });
  },
});

export const diffDescription: CommandDescription = {
  word: 'diff',
  group: 'results',
  role: 'viewer',
  summary: 'list every change of the table since a backup; restore removed and changed entries',
  usage: 'diff [BACKUP] | diff restore [BACKUP] [person="Ana Bel"] [field=NAME]',
  options: [
    ['BACKUP', 'another backup than the one from before the flush'],
    ['restore', 'choose removed and changed entries and restore them after a second person approves'],
    ['person=NAME', 'only the entries of one person'],
    ['field=NAME', 'only entries in which this field changed'],
  ],
  example: 'diff',
};

export const diffCommand = ({ requests, putBack }: ResultCommandPorts): Command => ({
  ...diffDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const isRestore = plainWord(words.value[0] ?? '') === 'restore';
    const others = isRestore ? words.value.slice(1) : words.value;
    const options = readOptions(
      others.filter((word) => word.includes('=')),
      ['person', 'field'],
    );
    if (!options.ok) return options;
    const [typedId, ...more] = others.filter((word) => !word.includes('='));
    const backupId = typedId === undefined ? undefined : plainValue(typedId);
    if (more.length > 0) return reject(`\`diff\` does not take ${code(more.join(' '), 60)}.`);
    const person = options.value.get('person');
    const field = options.value.get('field');
    if (options.value.size > 0 && !isRestore) return reject('`person=` and `field=` work only with `diff restore`.');
    if (isRestore) {
      const wanted = defined({ backupId, person: person?.trim().replaceAll(' ', '_'), field });
      const execute = (requester: Requester) => putBack.open(requester.triggerId ?? '', wanted, requester);
      return succeed({ execute, role: 'operator', isHeavy: true });
    }
    const immediateReply = say('Comparing the table with the backup, record by record…');
    const execute = (requester: Requester) => requests.showDiff(backupId, requester);
    return succeed({ immediateReply, execute, isAudited: true, isHeavy: true });
  },
});

export const diagnoseDescription: CommandDescription = {
  word: 'diagnose',
  group: 'results',
  role: 'viewer',
  summary: 'look for causes: failures, throttling, timeout, memory, quotas; with what to do',
  usage: 'diagnose',
  example: 'diagnose',
};

export const diagnoseCommand = ({ requests }: ResultCommandPorts): Command => ({
  ...diagnoseDescription,
  read: withoutArguments('diagnose', {
    immediateReply: say('Reading failures, log, metrics and quotas…'),
    isAudited: true,
    isHeavy: true,
    execute: (requester) => requests.diagnose(requester),
  }),
});
