import { logRefusal } from '../../slack/requests/results/log-requests.ts';
import { createAutopilotThread } from '../../slack/threads/autopilot-thread.ts';
import { createDeployThread } from '../../slack/threads/deploy-thread.ts';
import { createLogFollower } from '../../slack/threads/log-follower.ts';
import { createRunFollowUps } from '../../slack/threads/run-follow-ups.ts';
import { createRunThread } from '../../slack/threads/run-thread.ts';
import { createTableThread } from '../../slack/threads/table-thread.ts';
import type { AccessParts, ClientParts } from './clients.ts';
import type { DeliveryParts } from './delivery.ts';
import type { SlackPorts } from './ports.ts';
import type { RequestParts } from './requests.ts';

/** What shows events of runs, table jobs and the autopilot, and follows the log. */
export function assembleThreads(
  ports: SlackPorts,
  { answers, progress }: ClientParts,
  { whoApproves }: AccessParts,
  delivery: DeliveryParts,
  { resultFiles, places }: RequestParts,
) {
  const { settings, runs, tables, audit, results, diagnoses, functionLog, clock, random, onError } = ports;
  const { alerts } = delivery;
  return {
    runThread: createRunThread({
      liveMessages: delivery.runMessages,
      alerts,
      chat: progress,
      runs,
      findLocation: delivery.findRunLocation,
      heads: delivery.heads,
      autoResume: settings.autoResume,
      drivesRuns: ports.drivesRuns,
      onError,
    }),
    tableThread: createTableThread({
      liveMessages: delivery.jobMessages,
      alerts,
      chat: answers,
      tables,
      locations: delivery.jobLocations,
      whoApproves,
      onError,
    }),
    autopilotThread: createAutopilotThread({
      liveMessages: delivery.autopilotMessages,
      alerts,
      chat: answers,
      tables,
      runs,
      audit,
      whoApproves,
      clock,
      onError,
    }),
    deployThread: createDeployThread({ chat: answers, deploys: ports.deploys, alerts, whoApproves, onError }),
    runFollowUps: createRunFollowUps({
      results,
      diagnoses,
      files: resultFiles,
      runs,
      chat: answers,
      isDeleted: delivery.isDeleted,
      followUps: ports.followUps,
      lease: ports.followUpLease,
      clock,
      random,
      onError,
    }),
    logFollower: createLogFollower({
      followLines: functionLog.followLines,
      stops: functionLog.followStops,
      chat: answers,
      places,
      clock,
      refusalOf: logRefusal,
      onError,
    }),
  };
}
export type ThreadParts = ReturnType<typeof assembleThreads>;
