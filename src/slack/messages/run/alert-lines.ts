import type { EngineKind, HaltPlace, RunSnapshot } from '../../../run/model/types.ts';
import { code, mention } from '../kit/escape.ts';
import { count, counted } from '../kit/format.ts';

/** Lines of alerts that follow from one number or one word. */

export const leftLine = (left: number, engine?: EngineKind) =>
  left === 0
    ? []
    : engine === 'step-functions'
      ? [
          `The bot did not wait for the images in progress (${count(left)} when it last asked AWS). A resume invokes again those that AWS cut off.`,
        ]
      : [
          `The bot did not wait for ${counted(left, 'image')} in progress. A resume invokes ${left === 1 ? 'it' : 'them'} again.`,
        ];

/** Where a request to halt is stored while the control table cannot be written, and what that means. */
export function storedLine(
  halt: 'pause' | 'stop',
  { storedIn, stopFile }: { readonly storedIn?: HaltPlace; readonly stopFile: string },
  what = 'the run',
): string {
  if (storedIn === undefined)
    return `:warning: The ${halt} is stored nowhere: the control bucket and the disk cannot be written, either. If the bot restarts, ${what} *may continue*. To prevent that, create the stop file ${code(stopFile, 200)} on the machine where the bot runs.`;
  switch (storedIn.kind) {
    case 'bucket':
      return `The ${halt} is stored in ${code(`s3://${storedIn.bucket}/${storedIn.key}`, 300)}. Every copy of the bot reads it, and none resumes ${what} by itself.`;
    case 'file':
      return `The ${halt} is stored in the file ${code(storedIn.path, 300)} on the machine of this process, because the control bucket cannot be written, either. The bot does not resume ${what} by itself on this machine. A bot on another machine does not see the file.`;
    case 'record':
      return `The ${halt} is stored in the control table. Every copy of the bot reads it, and none resumes ${what} by itself.`;
    case 'unknown':
      return `If the bot restarts before it is saved, ${what} may continue by itself.`;
  }
}

/** `waiting for 6 images in progress` */
export const waitingText = (inFlight: number): string =>
  inFlight === 0 ? 'none is in progress' : `waiting for ${counted(inFlight, 'image')} in progress`;

type AfterHalt = Pick<RunSnapshot, 'draining' | 'gateAfterHalt' | 'inFlight'>;

/** Which images AWS may start after the halt of a run on Step Functions that the control table does not have; none elsewhere. */
export function gateLines({ draining, gateAfterHalt }: Omit<AfterHalt, 'inFlight'>): readonly string[] {
  const until = 'until the control table can be written';
  if (gateAfterHalt === undefined) return [];
  if (gateAfterHalt === 'stopped')
    return [
      `The execution at AWS Step Functions is stopped. Its children of type EXPRESS cannot be ended: they may process the rest of their images ${until}.`,
    ];
  return draining
    ? [
        `:warning: AWS Step Functions may start more images ${until}, or until the bot has stopped the execution, which it tries after 5 s at the latest.`,
      ]
    : [
        `:warning: The bot could not stop the execution at AWS Step Functions, so it may start more images ${until}. To end it now, stop it in the Step Functions console.`,
      ];
}

/** What starts after a halt, and what is waited for. */
export const afterHaltText = (run: AfterHalt): string =>
  gateLines(run)[0] ?? `No more images start; ${waitingText(run.inFlight)}.`;

/** The end of a run is not in the control table yet. `unsaved`: where its halt is stored meanwhile. */
export const unsavedLines = (
  halt: 'pause' | 'stop',
  {
    unsaved = { stopFile: '', storedIn: { kind: 'unknown' } },
    ...run
  }: Pick<RunSnapshot, 'unsaved' | 'draining' | 'gateAfterHalt'>,
): readonly string[] => {
  const what = unsaved.storedIn?.kind === 'record' ? 'The end of the run' : `This ${halt}`;
  return [
    `:warning: ${what} is not saved in the control table yet, because the table cannot be written.`,
    storedLine(halt, unsaved),
    ...gateLines(run),
  ];
};

/** After a crash the images that were in progress are not known for sure; after a drain they are. */
export const repeatedLine = (repeating: number, isSure: boolean, engine?: EngineKind) =>
  repeating > 0 && engine === 'step-functions'
    ? `Up to ${counted(repeating, 'image')} in progress when the execution ended ${repeating === 1 ? 'is' : 'are'} invoked again.`
    : repeating === 0
      ? isSure
        ? 'No image runs twice.'
        : 'At most the images in progress at that moment run twice.'
      : `${counted(repeating, 'image')} that ${repeating === 1 ? 'was' : 'were'} in progress ${repeating === 1 ? 'is' : 'are'} invoked again.`;

/** What begins while images in progress are waited for. */
export function drainingText(why: 'pause' | 'stop' | 'trip' | 'fault' | 'shutdown', by?: string): string {
  const who = by === undefined ? '' : ` (${mention(by)})`;
  switch (why) {
    case 'pause':
      return `Pausing${who}.`;
    case 'stop':
      return `Stopping${who}.`;
    case 'trip':
      return 'The run is stopping itself.';
    case 'fault':
      return 'Pausing because of a fault.';
    case 'shutdown':
      return 'The bot is shutting down.';
  }
}
