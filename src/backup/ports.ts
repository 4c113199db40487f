import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Backoff } from '../lib/async/backoff.ts';
import type { Clock, Random } from '../lib/clock.ts';
import type { Profile } from '../pipeline/profile/profile.ts';
import { patientBackoff } from '../pipeline/table/scan.ts';
import type { BackupLocation } from './catalogue/location.ts';
import type { JobStore } from './jobs/job.ts';

export interface BackupPorts {
  /** For the pipeline's table; one attempt per call, because the retries are ours. */
  readonly dynamodb: DynamoDBClient;
  readonly location: BackupLocation;
  readonly profile: Profile;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a flush or a restore needs: it continues after a crash. */
export interface JobPorts extends BackupPorts {
  readonly jobs: JobStore;
}

/**
 * What a scan reads at a time. Small pages are garbage before V8 moves them to its old generation, which it grows by hundreds of
 * MB before it looks there; so are the records that are in the middle of a read or a write.
 */
export const RECORDS_PER_PAGE = 200;

export const backoffOf = ({ clock, random }: Pick<BackupPorts, 'clock' | 'random'>): Backoff => ({
  ...patientBackoff,
  clock,
  random,
});
