import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { ManifestError } from './errors.ts';

const COMMAND = z.object({
  command: z.string().regex(/^\/\S{1,31}$/, 'must start with / and contain no space'),
  description: z.string().min(1).max(2000),
  usage_hint: z.string().max(1000).optional(),
});

/** The parts of an app manifest that decide what the app may do (docs.slack.dev, "App manifest reference"). */
const MANIFEST = z.object({
  display_information: z.looseObject({ name: z.string().min(1).max(35) }),
  features: z.looseObject({
    bot_user: z.looseObject({ display_name: z.string().min(1).max(80) }),
    slash_commands: z.array(COMMAND).max(50).default([]),
    app_home: z.looseObject({ home_tab_enabled: z.boolean().default(false) }).default({ home_tab_enabled: false }),
  }),
  oauth_config: z.looseObject({ scopes: z.looseObject({ bot: z.array(z.string()).default([]) }) }),
  settings: z.looseObject({
    event_subscriptions: z.looseObject({ bot_events: z.array(z.string()).default([]) }).default({ bot_events: [] }),
    interactivity: z.looseObject({ is_enabled: z.boolean() }).default({ is_enabled: false }),
    socket_mode_enabled: z.boolean().default(false),
  }),
});

export interface AppManifest {
  readonly name: string;
  readonly botName: string;
  readonly commands: readonly { readonly command: string; readonly description: string; readonly usageHint: string }[];
  readonly scopes: ReadonlySet<string>;
  readonly botEvents: ReadonlySet<string>;
  readonly homeTabEnabled: boolean;
  readonly interactive: boolean;
  readonly socketMode: boolean;
}

/**
 * Reads a manifest in YAML or JSON. `source` is a path or the text itself (anything with a line break, or JSON). Throws
 * ManifestError with every problem.
 */
export function readManifest(source: string): AppManifest {
  const isText = source.includes('\n') || source.trimStart().startsWith('{');
  if (!isText && !existsSync(source)) throw new ManifestError([`there is no file ${source}`]);
  let raw: unknown;
  try {
    raw = parse(isText ? source : readFileSync(source, 'utf8'));
  } catch (error) {
    throw new ManifestError(['it is neither YAML nor JSON'], error);
  }
  const parsed = MANIFEST.safeParse(raw);
  if (!parsed.success)
    throw new ManifestError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  const { display_information, features, oauth_config, settings } = parsed.data;
  return {
    name: display_information.name,
    botName: features.bot_user.display_name,
    commands: features.slash_commands.map(({ command, description, usage_hint }) => ({
      command,
      description,
      usageHint: usage_hint ?? '',
    })),
    scopes: new Set(oauth_config.scopes.bot),
    botEvents: new Set(settings.event_subscriptions.bot_events),
    homeTabEnabled: features.app_home.home_tab_enabled,
    interactive: settings.interactivity.is_enabled,
    socketMode: settings.socket_mode_enabled,
  };
}
