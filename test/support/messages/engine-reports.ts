import type { EngineReport, InstallRefusal } from '../../../src/run/engines/step-functions/install.ts';
import type { Installation } from '../../../src/run/engines/step-functions/installation.ts';

type Worse = <T>(value: T) => T;

const OBSTACLES: readonly (InstallRefusal | undefined)[] = [
  undefined,
  'no-role',
  'run-running',
  'foreign',
  'deleting',
  'changed',
  'not-confirmed',
];

/** Reports about the engines that reach every branch of their messages. */
export function engineReports(worse: Worse): readonly EngineReport[] {
  const roleArn = worse('arn:aws:iam::123456789012:role/rescan-bot-machine');
  const changes = [
    { kind: 'definition', from: '0123456789ab', to: 'ba9876543210' },
    { kind: 'role', from: roleArn, to: worse('arn:aws:iam::123456789012:role/other') },
  ] as const;
  const installations: readonly Installation[] = [
    { kind: 'missing' },
    { kind: 'current', childType: 'STANDARD', digest: '0123456789ab', changes: [], roleArn },
    {
      kind: 'current',
      childType: 'STANDARD',
      digest: '0123456789ab',
      changes: [{ kind: 'children', from: 'STANDARD', to: 'EXPRESS' }],
      roleArn,
    },
    {
      kind: 'outdated',
      changes: [...changes, { kind: 'children', from: 'EXPRESS', to: 'STANDARD' }],
      roleArn,
    },
    { kind: 'foreign', why: worse('its definition was not made by this bot') },
    { kind: 'deleting' },
  ];
  return installations.flatMap((installation) =>
    OBSTACLES.map((obstacle) => ({
      engine: installation.kind === 'current' ? 'step-functions' : 'local',
      machine: {
        arn: worse('arn:aws:states:us-east-1:123456789012:stateMachine:rescan-bot'),
        name: worse('rescan-bot'),
        childType: 'EXPRESS',
        ...(obstacle === 'no-role' ? {} : { roleArn }),
      },
      functionTimeoutMs: 60_000,
      installation,
      installationId: '0123456789abcdef',
      ...(obstacle && { obstacle }),
      ...(obstacle === 'run-running' && { runningRunId: 'r-0142' }),
      ...(obstacle === undefined && { haltedRunId: 'r-0142' }),
    })),
  );
}
