import type { DiffNow, ResultControl } from '../../../checklist/contracts/result-control.ts';
import { csvParts } from '../../../lib/csv/parts.ts';
import { defined } from '../../../lib/defined.ts';
import { diffCsvColumns, diffRows } from '../../../results/diff/diff-csv.ts';
import { failureCsvColumns } from '../../../results/failures/failure-columns.ts';
import type { Failures } from '../../../results/failures/failures.ts';
import { runCsvColumns } from '../../../results/report/run-csv.ts';
import { type FileUpload, MAX_FILE_BYTES } from '../../client/file-upload.ts';
import { bytes, count, counted } from '../../messages/kit/format.ts';
import { type Message, say } from '../../messages/kit/message.ts';
import { fileErrorMessage } from '../../messages/refusals/file-errors.ts';
import { resultRefusalMessage } from '../../messages/refusals/result-refusals.ts';

/** Where files are posted. */
export interface FileLocation {
  readonly channel: string;
  /** The thread of a run, if it has one. */
  readonly threadTs?: string;
}

/** Uploads the results of a rescan as CSV. The first three return a message only if there is no file. */
export interface ResultFiles {
  failures(location: FileLocation): Promise<Message | undefined>;
  run(location: FileLocation, runId?: string): Promise<Message | undefined>;
  diff(location: FileLocation, backupId?: string): Promise<Message | undefined>;
  /** Uploads failures that were read already. Returns the number of files. @throws what the upload throws. */
  shareFailures(found: Failures, location: FileLocation): Promise<number>;
  /** The same for a diff. */
  shareDiff(diff: DiffNow, location: FileLocation): Promise<number>;
}

export function createResultFiles(ports: { results: ResultControl; files: FileUpload }): ResultFiles {
  const { results, files } = ports;
  const comment = (what: string) => (number: number, size: number) =>
    `${what}: ${number === 1 ? 'one file' : counted(number, 'part')}, ${bytes(size)}.`;
  const shareFailures = (found: Failures, location: FileLocation) => {
    async function* rows() {
      for await (const { row } of found.all()) yield row;
    }
    return files.share({
      ...location,
      comment: comment(`${counted(found.totals.failures, 'failure')}, newest first`),
      files: csvParts(failureCsvColumns, rows(), { name: 'failed-images', maxBytes: MAX_FILE_BYTES }),
    });
  };
  const shareDiff = (diff: DiffNow, location: FileLocation) => {
    const { removed, changed, added, moved } = diff.totals;
    const whose = diff.scope ? 'Changes of the scope' : 'Changes';
    return files.share({
      ...location,
      comment: comment(
        `${whose} since backup ${diff.backup.id} (${count(removed)} removed, ${count(changed)} changed, ${count(added)} added, ${count(moved)} moved)`,
      ),
      files: csvParts(diffCsvColumns(diff.keys), diffRows(diff.entries()), { name: 'diff', maxBytes: MAX_FILE_BYTES }),
    });
  };
  return {
    shareFailures,
    shareDiff,
    async failures(location) {
      const found = await results.failures();
      if (!found.ok) return resultRefusalMessage(found.refusal);
      try {
        const shared = await shareFailures(found.value, location);
        return shared === 0 ? say('No image has failed. No file was made.') : undefined;
      } catch (error) {
        return fileErrorMessage(error, 'the failed images', '/rescan export failures');
      } finally {
        await found.value.dispose();
      }
    },
    async run(location, runId) {
      const found = await results.outcomes(runId);
      if (!found.ok) return resultRefusalMessage(found.refusal);
      const { runId: id, records, profile } = found.value;
      try {
        const shared = await files.share({
          ...location,
          comment: comment(`Outcomes of the images of ${id}`),
          files: csvParts(runCsvColumns(profile), records, { name: id, maxBytes: MAX_FILE_BYTES }),
        });
        return shared === 0 ? say(`No image of ${id} has an outcome yet. No file was made.`) : undefined;
      } catch (error) {
        return fileErrorMessage(error, `the outcomes of ${id}`, `/rescan export run ${id}`);
      }
    },
    async diff(location, backupId) {
      const found = await results.diff(defined({ backupId }));
      if (!found.ok) return resultRefusalMessage(found.refusal);
      try {
        const shared = await shareDiff(found.value, location);
        return shared === 0
          ? say(`Nothing has changed since backup ${found.value.backup.id}. No file was made.`)
          : undefined;
      } catch (error) {
        return fileErrorMessage(error, 'the changes', `/rescan export diff ${found.value.backup.id}`);
      } finally {
        await found.value.dispose();
      }
    },
  };
}
