import { globSync } from 'node:fs';

/** What each folder is for. A folder that is missing here stops `npm run docs`, and so does one that does not exist. */
const FOLDERS: Readonly<Record<string, string>> = {
  'src/app': 'builds the process, each pipeline and its parts',
  'src/app/runs': 'builds the runs, their engines, rows and scopes',
  'src/app/slack': 'builds the Slack parts',
  'src/slack': 'what people see and press',
  'src/slack/intake': 'connection, deduplication, permissions, dispatch',
  'src/slack/requests': 'what a command or click asks for, whoever sent it',
  'src/slack/commands': 'one file for each command word',
  'src/slack/actions': 'one file for each group of buttons',
  'src/slack/forms': 'modals',
  'src/slack/home': 'the Home tab',
  'src/slack/messages': 'every text, as pure functions',
  'src/slack/schedules': 'starts the work of a schedule as its person would',
  'src/slack/threads': 'what is posted in the thread of a run, a table job or the autopilot',
  'src/slack/delivery': 'live messages, alerts, uploads and follow-ups, also when Slack is down',
  'src/slack/notifications': 'mentions, direct messages, webhook, PagerDuty',
  'src/slack/client': 'clients of the Web API, the connection, errors',
  'src/http': 'port for health, metrics and Slack over HTTP',
  'src/http/metrics': 'the metrics for Prometheus',
  'src/checklist': 'the eight steps of a rescan',
  'src/checklist/contracts': 'what the layers above may ask for',
  'src/checklist/model': 'checklist, steps and preconditions as data',
  'src/checklist/steps': 'starts each step and keeps what it found',
  'src/checklist/quotas': 'limits of AWS and the pace that they allow',
  'src/checklist/deploy': 'changes the function, and rolls back',
  'src/checklist/logging-test': 'tests the failure logging of the function',
  'src/checklist/table-jobs': 'backup, flush and restore as jobs with an approval',
  'src/checklist/results': 'answers about runs: failures, validation, diff',
  'src/checklist/autopilot': 'does the steps in order',
  'src/checklist/schedules': 'when work starts by itself: what is due, and which process starts it',
  'src/checklist/audit': 'the chained audit log',
  'src/checklist/heartbeat': 'reports active work to CloudWatch',
  'src/approvals': 'two-person approval',
  'src/results': 'what a run came to',
  'src/results/failures': 'failed images by cause',
  'src/results/reconcile': 'images against outcomes and rows',
  'src/results/diff': 'the table against a backup',
  'src/results/report': 'report, diagnosis, validation',
  'src/run': 'one pass over the images',
  'src/run/model': 'states, events and contract of a run',
  'src/run/scope': 'which images and records a rescan covers',
  'src/run/plan': 'the frozen list of images, in S3',
  'src/run/rules': 'breaker, pace, growth, canary, forecast, cost: pure functions',
  'src/run/engines': 'the contract of an engine, and what both share',
  'src/run/engines/reducer': 'decides what a run does next: pure',
  'src/run/engines/local': 'this process invokes the function',
  'src/run/engines/step-functions': 'a Distributed Map invokes it',
  'src/run/proof': 'whether the rows of an image arrived',
  'src/run/store': 'records, outcomes and checkpoints of runs',
  'src/run/control': 'start, pause, resume, stop, take-over',
  'src/backup': 'the table to S3 and back',
  'src/backup/format': 'layout, digest and version of a backup',
  'src/backup/write': 'makes a backup',
  'src/backup/verify': 'reads it back',
  'src/backup/catalogue': 'lists, finds and deletes backups',
  'src/backup/compare': 'the table against a backup, on disk',
  'src/backup/flush': 'deletes what is saved',
  'src/backup/recreate': 'deletes the table and creates it anew',
  'src/backup/restore': 'writes a backup back',
  'src/backup/jobs': 'how a flush or restore ended, beside its backup',
  'src/backup/legacy': 'backup files of the old runbook',
  'src/backup/native': 'exports and on-demand backups of DynamoDB',
  'src/state': 'what must outlive the process: leases, outbox, follow-ups, claims, channels',
  'src/state/table': 'the control table: conditional writes, formats of its entries, earlier names',
  'src/state/stops': 'stops, also outside of the control table',
  'src/pipeline': 'AWS adapters',
  'src/pipeline/profile': 'what differs between pipelines: keys, kinds of records, payload',
  'src/pipeline/table': 'records, scans, the compare-and-swap',
  'src/pipeline/whole-table': 'description, export, deletion of a whole table',
  'src/pipeline/invoke': 'invokes the function and sorts its replies',
  'src/pipeline/package': 'reads and changes the package of the function',
  'src/pipeline/failure-logging': 'the Python files that the deploy adds',
  'src/pipeline/state-machine': 'calls of Step Functions',
  'src/pipeline/logs': 'the log of the function',
  'src/pipeline/limits': 'Service Quotas',
  'src/pipeline/metrics': 'CloudWatch metrics',
  'src/lib': 'helpers without domain knowledge',
  'src/settings': 'the settings by group; settings.ts joins them',
};

/** How deep the list goes: a deeper folder is a part of the topic above it. */
const isListed = (folder: string): boolean =>
  folder.split('/').length <= (folder.startsWith('src/run/engines/') ? 4 : folder.startsWith('src/lib/') ? 2 : 3);

/**
 * Every folder of the bot with its purpose, as a Markdown table.
 * @throws Error when a folder has no purpose here, or a purpose has no folder.
 */
export function folderTable(root: string): string {
  const files = globSync('src/**/*.{ts,js,py}', { cwd: root });
  const all = files.flatMap((file) => {
    const parts = file.split('/').slice(0, -1);
    return parts.map((_, at) => parts.slice(0, at + 1).join('/')).filter((folder) => folder !== 'src');
  });
  const existing = new Set(all.filter(isListed));
  const without = [...existing].filter((folder) => FOLDERS[folder] === undefined);
  const gone = Object.keys(FOLDERS).filter((folder) => !existing.has(folder));
  if (without.length > 0) throw new Error(`No purpose for ${without.join(', ')}: add it to docs/generate/folders.ts.`);
  if (gone.length > 0) throw new Error(`No such folder: ${gone.join(', ')} of docs/generate/folders.ts.`);
  const rows = Object.entries(FOLDERS).map(([folder, purpose]) => `| \`${folder}\` | ${purpose} |`);
  return ['| folder | purpose |', '| --- | --- |', ...rows].join('\n');
}
