import { z } from 'zod';
import { WebApiError } from '../errors.ts';
import type { Parts } from '../rules/parts.ts';
import { MAX_FILE_BYTES, toSlackFile } from '../workspace/files.ts';
import { messageBlocks, postableChannel, threadOf } from '../workspace/posting.ts';
import { blocks, count, type MethodTable, method, name, recordList, text } from './method.ts';

const WRITE = { scopes: ['files:write'], tier: 4 } as const;
/** The id of a conversation. Names and user ids are not accepted here. */
const channelId = z.string().regex(/^[CGDZ][A-Z0-9]+$/, 'input must match regex pattern: ^[CGDZ][A-Z0-9]{8,}$');
const uploaded = z.array(z.object({ id: name, title: text.optional() })).min(1);

export function fileMethods(
  parts: Pick<Parts, 'directory' | 'files' | 'log' | 'manifest' | 'messages' | 'url' | 'world'>,
): MethodTable {
  const { directory, files, log, messages, url } = parts;
  return {
    'files.getUploadURLExternal': method(
      WRITE,
      z.object({ filename: name, length: count.min(0), alt_txt: text.optional(), snippet_type: text.optional() }),
      (args) => {
        if (args.length === 0) throw new WebApiError('missing_argument');
        if (args.length > MAX_FILE_BYTES) throw new WebApiError('file_upload_size_restricted');
        const { id, token } = files.reserve({
          name: args.filename,
          size: args.length,
          userId: directory.bot.id,
          teamId: directory.team.id,
        });
        return { upload_url: `${url()}/upload/v1/${token}`, file_id: id };
      },
    ),
    'files.completeUploadExternal': method(
      WRITE,
      z.object({
        files: recordList.pipe(uploaded),
        channel_id: channelId.optional(),
        channels: name.optional(),
        thread_ts: name.optional(),
        initial_comment: text.optional(),
        blocks: blocks.optional(),
      }),
      (args) => {
        const channelIds = args.channel_id ? [args.channel_id] : (args.channels?.split(',') ?? []);
        if (args.thread_ts && channelIds.length !== 1)
          throw new WebApiError('invalid_arguments', {
            response_metadata: { messages: ['[ERROR] thread_ts needs one channel_id'] },
          });
        const channels = channelIds.map((id) => postableChannel(parts, id, { allowPublic: false }));
        const [first] = channels;
        const threadTs = first && threadOf(messages, first.id, args.thread_ts);
        // With `initial_comment` Slack ignores the blocks.
        const shownBlocks = args.initial_comment ? [] : (messageBlocks(args.blocks, parts.world) ?? []);
        const completed = args.files.map(({ id, title }) => {
          const file = files.complete(id, title);
          if (!file) throw new WebApiError('file_not_found');
          return file;
        });
        for (const channel of channels) {
          const message = messages.add({
            text: args.initial_comment ?? '',
            blocks: shownBlocks,
            channelId: channel.id,
            userId: directory.bot.id,
            files: completed.map((file) => toSlackFile(file, url())),
            ...(threadTs === undefined ? {} : { threadTs }),
          });
          for (const file of completed) {
            files.shared(file.id, channel.id, message.ts);
            log.record('file_shared', { fileId: file.id, name: file.name, channelId: channel.id, ts: message.ts });
          }
        }
        return { files: completed.map((file) => toSlackFile(files.find(file.id) ?? file, url())) };
      },
    ),
    'files.info': method({ scopes: ['files:read'], tier: 4 }, z.object({ file: name }), (args) => {
      const file = files.find(args.file);
      if (!file) throw new WebApiError('file_not_found');
      return { file: toSlackFile(file, url()), comments: [], response_metadata: { next_cursor: '' } };
    }),
  };
}
