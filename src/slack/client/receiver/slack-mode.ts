/** How requests of Slack reach the bot. `auto` means whichever of the two has its secret. */
export type SlackMode = 'auto' | 'socket' | 'http';

export const slackModeOf = (settings: {
  readonly slackMode: SlackMode;
  readonly slackAppToken: string;
}): Exclude<SlackMode, 'auto'> =>
  settings.slackMode === 'auto' ? (settings.slackAppToken === '' ? 'http' : 'socket') : settings.slackMode;
