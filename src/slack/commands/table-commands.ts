import { shortBackupId } from '../../backup/format/backup-record.ts';
import type { TableControl } from '../../checklist/contracts/table-control.ts';
import { defined } from '../../lib/defined.ts';
import { succeed } from '../../lib/result.ts';
import type { TableForms } from '../forms/table-forms.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { verifiedMessage } from '../messages/table/backup-messages.ts';
import { backupLine, backupName } from '../messages/table/describe-table.ts';
import { backupsMessage, pruneMessage } from '../messages/table/table-messages.ts';
import { tableRefusalMessage } from '../messages/table/table-refusals.ts';
import type { Command, CommandDescription, ParsedCommand, Requester } from './command.ts';
import { plainValues, type Read, readOptions, reject, splitArguments } from './parse/options.ts';
import { objectKey, plainValue, plainWord } from './parse/typed.ts';

export interface TableCommandPorts {
  readonly tables: TableControl;
  readonly forms: TableForms;
}

const accept = (
  execute: (requester: Requester) => Promise<Message | undefined>,
  immediateReply?: Message,
): Read<ParsedCommand> => succeed({ execute, ...defined({ immediateReply }) });

/** A form of a command for viewers that changes something. */
const acceptFromOperator = (...parts: Parameters<typeof accept>): Read<ParsedCommand> => {
  const accepted = accept(...parts);
  return accepted.ok ? succeed({ ...accepted.value, role: 'operator' as const }) : accepted;
};

export const backupDescription: CommandDescription = {
  word: 'backup',
  group: 'table',
  role: 'operator',
  summary: 'copy the table to S3 and verify the copy, or have DynamoDB do it',
  usage: 'backup [note] | backup native | backup export',
  options: [
    ['note', 'a text that is stored with the backup'],
    ['native', 'DynamoDB’s own on-demand backup (a flush cannot rely on it)'],
    [
      'export',
      'DynamoDB copies the table to S3 itself, for very large tables; needs point-in-time recovery. The bot checks the copy by a sample; a flush or restore reads all of it first',
    ],
  ],
  example: 'backup before the January rescan',
};

export const backupCommand = ({ tables }: TableCommandPorts): Command => ({
  ...backupDescription,
  read(rest) {
    const note = rest.trim();
    const word = plainWord(note);
    if (word === 'native') return accept(() => native(tables), say('Asking DynamoDB for a backup of its own…'));
    if (note.length > 300) return reject('A note is at most 300 characters.');
    const what = word === 'export' ? { export: true as const } : note === '' ? {} : { note };
    return accept(async ({ person, channel, noteOutcome }) => {
      const begun = await tables.backup({ by: person, location: { channel }, ...what });
      if (!begun.ok) return tableRefusalMessage(begun.refusal);
      noteOutcome?.(`begun: backup ${begun.value.id}`);
      return undefined;
    });
  },
});

async function native(tables: TableControl): Promise<Message> {
  const made = await tables.nativeBackup();
  if (!made.ok) return tableRefusalMessage(made.refusal);
  const { name, arn, status, pointInTimeRecovery } = made.value;
  return say(
    `DynamoDB makes its backup ${code(name, 120)}: ${code(status, 40)}.`,
    code(arn, 300),
    `Point-in-time recovery of the table is ${pointInTimeRecovery === 'unknown' ? 'not known' : pointInTimeRecovery}.`,
    'It cannot be read back by the bot, so a flush needs a backup of `/rescan backup` all the same.',
  );
}

export const backupsDescription: CommandDescription = {
  word: 'backups',
  group: 'table',
  role: 'viewer',
  summary: 'list the backups; verify one by reading it back from S3; delete old ones',
  usage: 'backups | backups verify ID | backups prune keep=5',
  options: [
    ['verify ID', 'read one backup back from S3 and compare its checksum'],
    ['prune keep=5', 'delete all but the newest 5 after a second person approves; lists first what is kept and why'],
  ],
  example: 'backups',
};

export const backupsCommand = ({ tables }: TableCommandPorts): Command => ({
  ...backupsDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const [typed, ...more] = words.value;
    const verb = plainWord(typed ?? '');
    if (verb === '') return accept(() => list(tables));
    if (verb === 'verify') {
      const [id, ...others] = more;
      if (id === undefined || others.length > 0) return reject('`verify` takes the id of one backup.');
      const backupId = plainValue(id);
      return acceptFromOperator(() => verify(tables, backupId), say(`Reading ${backupName(backupId)} back from S3…`));
    }
    if (verb !== 'prune')
      return reject(`\`backups\` does not take ${code(typed ?? '', 60)}. Use \`verify ID\` or \`prune keep=5\`.`);
    const options = readOptions(more, ['keep']);
    if (!options.ok) return options;
    const keep = plainValue(options.value.get('keep') ?? '');
    if (!/^[1-9]\d{0,4}$/.test(keep)) return reject('Write how many backups to keep, for example `keep=5`.');
    return acceptFromOperator(() => prune(tables, Number(keep)));
  },
});

async function list(tables: TableControl): Promise<Message> {
  const records = await tables.backups();
  return records.ok ? backupsMessage(records.value) : tableRefusalMessage(records.refusal);
}

async function verify(tables: TableControl, backupId: string): Promise<Message> {
  const record = await tables.verify(backupId);
  if (!record.ok) return tableRefusalMessage(record.refusal);
  return verifiedMessage(record.value);
}

async function prune(tables: TableControl, keep: number): Promise<Message> {
  const plan = await tables.planPrune(keep);
  return plan.ok ? pruneMessage(plan.value, keep) : tableRefusalMessage(plan.refusal);
}

export const flushDescription: CommandDescription = {
  word: 'flush',
  group: 'table',
  role: 'operator',
  summary: 'delete the records of the table after a second person approves; every one is in a backup',
  usage: 'flush [kinds=failed] [backup=ID] | flush recreate [backup=ID]',
  options: [
    [
      'recreate',
      'delete the table itself and create it anew with the same settings: for very large tables; it does not exist for about a minute',
    ],
    ['kinds=failed', 'delete only the records of failed images'],
    ['backup=ID', 'rely on this backup in place of the newest verified one'],
  ],
  example: 'flush',
};

/** `/rescan flush [recreate] [kinds=failed] [backup=ID]`: a form, then a request for approval. */
export const flushCommand = ({ forms }: TableCommandPorts): Command => ({
  ...flushDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const recreate = plainWord(words.value[0] ?? '') === 'recreate';
    const options = readOptions(recreate ? words.value.slice(1) : words.value, ['kinds', 'backup']);
    if (!options.ok) return options;
    const { kinds, backup: backupId } = plainValues(options.value);
    if (kinds !== undefined && kinds !== 'failed') return reject('`kinds=` takes only `failed`.');
    if (recreate && kinds !== undefined)
      return reject('`recreate` deletes the whole table, so it does not take `kinds=`.');
    const wanted = { failedOnly: kinds === 'failed', recreate, ...defined({ backupId }) };
    return accept((requester) => forms.openFlush(requester.triggerId ?? '', wanted, requester));
  },
});

export const restoreDescription: CommandDescription = {
  word: 'restore',
  group: 'table',
  role: 'operator',
  summary: 'restore a backup after a second person approves; the table is saved first',
  usage: 'restore [backup=ID] | restore from=s3://bucket/db_backup_….json [types-from=ID]',
  options: [
    ['backup=ID', 'the backup to restore; otherwise the form lists them'],
    ['from=s3://…', 'a backup file of the old runbook'],
    ['types-from=ID', 'the backup that supplies the types which such a file lacks'],
  ],
  example: 'restore',
};

/** `/rescan restore [backup=ID]`, or from a backup in the old runbook’s format. */
export const restoreCommand = ({ tables, forms }: TableCommandPorts): Command => ({
  ...restoreDescription,
  read(rest) {
    const words = splitArguments(rest);
    if (!words.ok) return words;
    const options = readOptions(words.value, ['backup', 'from', 'types-from']);
    if (!options.ok) return options;
    const { backup: backupId, 'types-from': typesFrom } = plainValues(options.value);
    const from = options.value.get('from');
    const uri = from === undefined ? undefined : objectKey(from).replace(/^s3:/i, 's3:');
    if (uri === undefined && typesFrom !== undefined) return reject('`types-from=` needs `from=`.');
    if (uri === undefined)
      return accept((requester) => forms.openRestore(requester.triggerId ?? '', defined({ backupId }), requester));
    if (!/^s3:\/\/[^/]+\/.+$/.test(uri)) return reject('`from=` must be `s3://bucket/key`.');
    return accept(async ({ person }) => {
      const taken = await tables.importLegacy({ uri, by: person, ...defined({ typesFrom }) });
      if (!taken.ok) return tableRefusalMessage(taken.refusal);
      return say(
        `The old backup is now in the catalogue, with the types of ${code(typesFrom ?? '', 80)}: ${backupLine(taken.value)}`,
        `\`/rescan restore backup=${shortBackupId(taken.value.id)}\` restores it.`,
      );
    }, say('Reading the old backup…'));
  },
});
