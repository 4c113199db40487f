/** Errors of backups that a message explains; each has its facts as properties. */

/** The catalogue has no backup with this id. */
export class BackupNotFoundError extends Error {
  override readonly name = 'BackupNotFoundError';
  readonly backupId: string;
  constructor(backupId: string) {
    super(`There is no backup with the id ${backupId}`);
    this.backupId = backupId;
  }
}

/** The backup was not read back with an equal digest, so nothing may rely on it. */
export class BackupNotVerifiedError extends Error {
  override readonly name = 'BackupNotVerifiedError';
  readonly backupId: string;
  readonly reason: string;
  constructor(backupId: string, reason: string) {
    super(`Backup ${backupId} is not verified: ${reason}`);
    this.backupId = backupId;
    this.reason = reason;
  }
}

/** An object of the backup is missing, cut off or altered. */
export class BackupDamagedError extends Error {
  override readonly name = 'BackupDamagedError';
  readonly backupId: string;
  readonly objectKey: string;
  readonly reason: string;
  constructor(backupId: string, objectKey: string, reason: string, cause?: unknown) {
    super(`Backup ${backupId} is damaged: ${objectKey}: ${reason}`, { cause });
    this.backupId = backupId;
    this.objectKey = objectKey;
    this.reason = reason;
  }
}

/** The backup is of another table, account or region. */
export class BackupOfAnotherTableError extends Error {
  override readonly name = 'BackupOfAnotherTableError';
  readonly backupId: string;
  readonly backupTableArn: string;
  readonly tableArn: string;
  constructor(backupId: string, backupTableArn: string, tableArn: string) {
    super(`Backup ${backupId} is of ${backupTableArn}, not of ${tableArn}`);
    this.backupId = backupId;
    this.backupTableArn = backupTableArn;
    this.tableArn = tableArn;
  }
}

/** The table is being created or deleted. */
export class TableNotActiveError extends Error {
  override readonly name = 'TableNotActiveError';
  readonly table: string;
  readonly status: string;
  constructor(table: string, status: string) {
    super(`Table ${table} is ${status}, not ACTIVE`);
    this.table = table;
    this.status = status;
  }
}

/** The bucket of the backups does not exist or may not be written. */
export class BackupLocationError extends Error {
  override readonly name = 'BackupLocationError';
  readonly bucket: string;
  readonly reason: 'missing' | 'not-writable';
  constructor(bucket: string, reason: 'missing' | 'not-writable', cause: unknown) {
    super(reason === 'missing' ? `There is no bucket ${bucket}` : `Bucket ${bucket} cannot be written`, { cause });
    this.bucket = bucket;
    this.reason = reason;
  }
}

/** Numbers of records that are on one side only (added, removed) or on both with different content. */
export interface DifferenceCounts {
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
}

/** The table differs from the backup by more records than FLUSH_MAX_DIFFERENCE. A new backup is needed. */
export class FlushRefusedError extends Error {
  override readonly name = 'FlushRefusedError';
  readonly backupId: string;
  readonly difference: DifferenceCounts;
  readonly maxDifference: number;
  constructor(backupId: string, difference: DifferenceCounts, maxDifference: number) {
    const { added, changed, removed } = difference;
    super(
      `The table differs from backup ${backupId} by ${added + changed + removed} records (${added} added, ${changed} changed, ${removed} removed), more than ${maxDifference}`,
    );
    this.backupId = backupId;
    this.difference = difference;
    this.maxDifference = maxDifference;
  }
}

/** After a restore the table is not equal to the backup. `expected` and `actual` are digests. */
export class RestoreDigestMismatchError extends Error {
  override readonly name = 'RestoreDigestMismatchError';
  readonly backupId: string;
  readonly expected: string;
  readonly actual: string;
  readonly difference: DifferenceCounts;
  constructor(backupId: string, expected: string, actual: string, difference: DifferenceCounts) {
    super(`After the restore of backup ${backupId} the digest of the table is ${actual}, not ${expected}`);
    this.backupId = backupId;
    this.expected = expected;
    this.actual = actual;
    this.difference = difference;
  }
}

/** The table has something that the bot cannot create again. Nothing was changed. */
export class NotRecreatableError extends Error {
  override readonly name = 'NotRecreatableError';
  readonly table: string;
  /** In sentences. */
  readonly obstacles: readonly string[];
  constructor(table: string, obstacles: readonly string[]) {
    super(`Table ${table} cannot be created again as it is: ${obstacles.join(' ')}`);
    this.table = table;
    this.obstacles = obstacles;
  }
}

/** Somebody writes to the table or changes it while it is about to be deleted. The table was not deleted. */
export class TableInUseError extends Error {
  override readonly name = 'TableInUseError';
  readonly table: string;
  /** In sentences. */
  readonly changes: readonly string[];
  constructor(table: string, changes: readonly string[]) {
    super(`Table ${table} changed while it was about to be deleted: ${changes.join(' ')}`);
    this.table = table;
    this.changes = changes;
  }
}

/** The table was deleted, and it is not yet again what it was. What is missing must be done by hand. */
export class TableUnfinishedError extends Error {
  override readonly name = 'TableUnfinishedError';
  readonly table: string;
  /** `missing`: there is no table; `incomplete`: it is there and differs; `unknown`: it could not be read. */
  readonly state: 'missing' | 'incomplete' | 'unknown';
  readonly reasons: readonly string[];
  /** `s3://…`: the input of CreateTable, and the description with the other settings. */
  readonly createUri: string;
  readonly descriptionUri: string;
  constructor(
    about: Pick<TableUnfinishedError, 'table' | 'state' | 'reasons' | 'createUri' | 'descriptionUri'>,
    cause?: unknown,
  ) {
    super(`Table ${about.table} is ${about.state} after it was deleted: ${about.reasons.join('; ')}`, { cause });
    this.table = about.table;
    this.state = about.state;
    this.reasons = about.reasons;
    this.createUri = about.createUri;
    this.descriptionUri = about.descriptionUri;
  }
}

/** Why a backup is kept although it is older than those that are to stay. */
export type SpareReason =
  /** The open checklist relies on it. */
  | 'checklist'
  /** An open request, a job or its progress refers to it. */
  | 'in-use'
  /** No other has more records, and those with as many are older. */
  | 'most-records'
  | 'last-verified'
  /** A flush or restore used it in the last 30 days. */
  | 'named'
  /** A restore made it in the last 30 days: it undoes that restore. */
  | 'safety';

/** A backup that was to be deleted may not be deleted any more. Nothing of it was deleted. */
export class BackupKeptError extends Error {
  override readonly name = 'BackupKeptError';
  readonly backupId: string;
  readonly because: SpareReason | 'newest';
  constructor(backupId: string, because: SpareReason | 'newest') {
    super(`Backup ${backupId} is kept: ${because}`);
    this.backupId = backupId;
    this.because = because;
  }
}
