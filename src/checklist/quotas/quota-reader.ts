import type { QuotaReading } from '../../pipeline/limits/quotas.ts';
import type { PlannerSettings } from '../../run/plan/planner.ts';
import type { QuotaReport } from '../contracts/quota-report.ts';
import { judgeQuotas } from './judge-quotas.ts';

export interface QuotaReaderPorts {
  readonly readQuotas: () => Promise<QuotaReading>;
  /** The last run that measured how long an image takes; undefined when no run did. */
  readonly experience: () => Promise<{ readonly secondsPerImage: number } | undefined>;
  readonly planner: PlannerSettings;
}

/**
 * Reads the quotas as they are now and judges them, with the measured time per image or else the one of the settings.
 */
export const createQuotaReader = (ports: QuotaReaderPorts) => async (): Promise<QuotaReport> => {
  const [reading, experience] = await Promise.all([ports.readQuotas(), ports.experience()]);
  return judgeQuotas(reading, ports.planner, experience?.secondsPerImage ?? ports.planner.secondsPerImage);
};
