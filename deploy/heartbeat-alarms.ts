/** Work that the bot reports, with the start of the names of its alarms. */
const WORKS = [
  { work: 'run', name: 'Run' },
  { work: 'table-job', name: 'TableJob' },
  { work: 'backup', name: 'Backup' },
] as const;

/** How long active work may be without a driver, in minutes: a new task starts and takes over in less. */
const SILENT_MINUTES = 5;

const alarm = (options: {
  readonly id: string;
  readonly suffix: string;
  readonly about: string;
  readonly metric: 'ActiveWork' | 'Heartbeat';
  readonly work: string;
  readonly lines: readonly string[];
}): readonly string[] => [
  `${options.id}:`,
  '  Type: AWS::CloudWatch::Alarm',
  '  Properties:',
  `    AlarmName: !Sub \${ServiceName}-${options.suffix}`,
  `    AlarmDescription: ${options.about}`,
  '    Namespace: RescanBot',
  `    MetricName: ${options.metric}`,
  '    Dimensions:',
  '      - { Name: Pipeline, Value: !Ref OcrFunction }',
  `      - { Name: Work, Value: ${options.work} }`,
  '    Statistic: Maximum',
  '    Period: 60',
  ...options.lines.map((line) => `    ${line}`),
  '',
];

/**
 * For each work an alarm that keeps whether it is active (without data it stays as it was) and one for the heartbeat
 * (without data it rings), and one above them all that notifies when both ring. The heartbeat is also sent while the
 * bot is idle: or the second alarm would ring until the first heartbeat of a run, and so would the one above.
 */
export const heartbeatAlarms = (): readonly string[] => [
  ...WORKS.flatMap(({ work, name }) => [
    `# Rings while a ${work} is active. Without data it stays as it was, so it keeps the last state that was reported.`,
    ...alarm({
      id: `${name}ActiveAlarm`,
      suffix: `${work}-active`,
      about: `No action. A ${work} is active.`,
      metric: 'ActiveWork',
      work,
      lines: [
        'EvaluationPeriods: 1',
        'Threshold: 1',
        'ComparisonOperator: GreaterThanOrEqualToThreshold',
        'TreatMissingData: ignore',
      ],
    }),
    `# Rings while no process says that it drives the ${work} or that there is none.`,
    ...alarm({
      id: `${name}UndrivenAlarm`,
      suffix: `${work}-undriven`,
      about: `No action. No process reports that it drives the ${work} or that there is none.`,
      metric: 'Heartbeat',
      work,
      lines: [
        `EvaluationPeriods: ${SILENT_MINUTES}`,
        'Threshold: 1',
        'ComparisonOperator: LessThanThreshold',
        'TreatMissingData: breaching',
      ],
    }),
  ]),
  'ActiveWithoutHeartbeatAlarm:',
  '  Type: AWS::CloudWatch::CompositeAlarm',
  '  Properties:',
  '    AlarmName: !Sub ${ServiceName}-active-without-heartbeat',
  '    AlarmDescription: >-',
  `      A run, a flush, a restore or a backup is active and no process of the bot has driven it for ${SILENT_MINUTES} minutes. Nothing is lost: it continues when a copy of the bot`,
  '      runs. Look at the service and at the end of the log. If the bot works, it cannot reach CloudWatch.',
  '    AlarmRule: !Sub >-',
  ...WORKS.map(
    ({ name }, at) =>
      `      (ALARM("\${${name}ActiveAlarm}") AND ALARM("\${${name}UndrivenAlarm}"))${at + 1 < WORKS.length ? ' OR' : ''}`,
  ),
  '    AlarmActions: [!Ref AlarmTopicArn]',
  '    OKActions: [!Ref AlarmTopicArn]',
];
