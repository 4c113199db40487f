import type { AwsClients } from '../../pipeline/aws.ts';
import { readMetrics } from '../../pipeline/limits/metrics.ts';
import { readAllQuotas } from '../../pipeline/limits/quotas.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import type { DiagnosesPorts } from './diagnoses.ts';

/** What a diagnosis reads from AWS besides the log. */
export function createDiagnosisSources(ports: {
  readonly aws: AwsClients;
  readonly functionName: string;
  readonly modelId: string;
  readonly tableName: string;
  readonly warn: (message: string, cause: unknown) => void;
}): Pick<DiagnosesPorts, 'readMetrics' | 'modelQuota' | 'region'> {
  const { aws, functionName, modelId, tableName } = ports;
  return {
    async readMetrics(window) {
      // Without the permission to describe the table, only the metrics of the table itself are read.
      const facts = await describeTable(aws.bulkDynamodb, tableName).catch((error: unknown) => {
        ports.warn('the metrics of the indexes are not read, because the table could not be described', error);
        return undefined;
      });
      const indexes = facts?.indexes.map(({ name }) => name) ?? [];
      return readMetrics(aws.cloudwatch, { functionName, modelId, table: tableName, indexes }, window);
    },
    async modelQuota() {
      const { modelRequestsPerMinute: quota } = await readAllQuotas(aws, { functionName, modelId, tableName });
      return quota && { name: quota.name, perMinute: quota.value };
    },
    region: () => aws.cloudwatch.config.region(),
  };
}
