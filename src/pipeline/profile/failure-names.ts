/**
 * The attributes of a record of a failed image, as the bot's failure logging writes them (pipeline.md, "Failed-image records"). A
 * profile may give them other names (docs/profiles.md). The last three are those of the bot.
 */
export const FAILURE_ATTRIBUTES = [
  'ImageKey',
  'FailureTimestamp',
  'RecordType',
  'FailureType',
  'ErrorMessage',
  'ErrorCode',
  'OCRVersion',
  'OCRBuildDate',
  'OCRDescription',
  'OCRFullVersion',
  'ModelId',
  'ProcessingTimeSeconds',
  'InputTokens',
  'OutputTokens',
  'RawOCROutput',
  'ValidationErrors',
  'S3Bucket',
  'S3Region',
  'ImageSize',
  'StackTrace',
  'CloudWatchLogStream',
  'AttemptNumber',
  'AttemptNumberUnknown',
  'FailureLoggingVersion',
  'FailureId',
] as const;
export type FailureAttribute = (typeof FAILURE_ATTRIBUTES)[number];
