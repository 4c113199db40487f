import { z } from 'zod';
import { modelError, validationError } from '../store.ts';

const inputSchema = z.object({
  TableName: z.string(),
  PointInTimeRecoverySpecification: z
    .object({
      PointInTimeRecoveryEnabled: z.boolean(),
      RecoveryPeriodInDays: z.number().int().min(1).max(35).default(35),
    })
    .optional(),
});

/** Point-in-time recovery of each table: whether it is on, and since when. `now` in ms. */
export function createPointInTimeRecovery(now: () => number) {
  const enabled = new Map<string, { readonly since: number; readonly days: number }>();
  const describe = (table: string) => {
    const on = enabled.get(table);
    return {
      ContinuousBackupsDescription: {
        ContinuousBackupsStatus: 'ENABLED',
        PointInTimeRecoveryDescription: on
          ? {
              PointInTimeRecoveryStatus: 'ENABLED',
              RecoveryPeriodInDays: on.days,
              EarliestRestorableDateTime: Math.max(on.since, now() - on.days * 86_400_000) / 1_000,
              LatestRestorableDateTime: Math.max(on.since, now() - 300_000) / 1_000,
            }
          : { PointInTimeRecoveryStatus: 'DISABLED' },
      },
    };
  };
  return {
    /** From when on the table can be restored, ms; undefined while it is off. */
    since(table: string): number | undefined {
      const on = enabled.get(table);
      return on && Math.max(on.since, now() - on.days * 86_400_000);
    },
    forget: (table: string) => enabled.delete(table),
    /** The answer of DescribeContinuousBackups and UpdateContinuousBackups. */
    async answer(
      operation: 'DescribeContinuousBackups' | 'UpdateContinuousBackups',
      input: unknown,
      exists: (table: string) => Promise<boolean>,
    ): Promise<object> {
      const parsed = inputSchema.safeParse(input);
      if (!parsed.success) throw validationError('1 validation error detected: the request is malformed');
      const { TableName: table, PointInTimeRecoverySpecification: wanted } = parsed.data;
      if (!(await exists(table))) throw modelError('TableNotFoundException', `Table not found: ${table}`);
      if (operation === 'UpdateContinuousBackups') {
        if (wanted === undefined) throw validationError('PointInTimeRecoverySpecification must not be null');
        if (!wanted.PointInTimeRecoveryEnabled) enabled.delete(table);
        else enabled.set(table, { since: enabled.get(table)?.since ?? now(), days: wanted.RecoveryPeriodInDays });
      }
      return describe(table);
    },
  };
}
