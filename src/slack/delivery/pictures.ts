import type { Chat } from '../client/chat.ts';
import type { FileContent, FileUpload } from '../client/file-upload.ts';
import { bufferFile } from '../client/file-upload.ts';
import { isThreadGone } from '../client/slack-errors.ts';
import { counted } from '../messages/kit/format.ts';
import type { ChartBlock, Message } from '../messages/kit/message.ts';
import { chartPicture } from './chart-picture.ts';

/**
 * Posts a message with charts. Where Slack does not take them the message stands there without, and they follow in its thread as
 * pictures. Where the thread is gone (somebody deleted its message) it stands in the channel.
 */
export type PostWithPictures = (
  channel: string,
  message: Message,
  thread?: { readonly ts: string; readonly broadcast: boolean },
) => Promise<void>;

export const postWithPictures =
  (ports: {
    chat: Pick<Chat, 'postKnowing'>;
    files: FileUpload;
    onError: (error: unknown, message: string) => void;
  }): PostWithPictures =>
  async (channel, message, thread) => {
    const { posted, under } = await postInThreadOrBeside(ports.chat, channel, message, thread);
    const charts = message.blocks.filter((block): block is ChartBlock => block.type === 'data_visualization');
    if (posted.isWhole || charts.length === 0) return;
    try {
      await ports.files.share({
        channel,
        threadTs: under,
        comment: (files) =>
          `The ${files === 1 ? 'chart' : counted(files, 'chart')} as pictures: this Slack takes no charts.`,
        files: drawn(charts),
      });
    } catch (error) {
      // The message says the same in words, and is there: posting it again would be worse than no picture.
      ports.onError(error, 'the charts were not drawn or uploaded');
    }
  };

async function* drawn(charts: readonly ChartBlock[]): AsyncGenerator<FileContent> {
  for (const [at, chart] of charts.entries()) yield bufferFile(`chart-${at + 1}.png`, await chartPicture(chart));
}

async function postInThreadOrBeside(
  chat: Pick<Chat, 'postKnowing'>,
  channel: string,
  message: Message,
  thread: { readonly ts: string; readonly broadcast: boolean } | undefined,
): Promise<{ posted: { ts: string; isWhole: boolean }; under: string }> {
  try {
    const posted = await chat.postKnowing(channel, message, thread);
    return { posted, under: thread?.ts ?? posted.ts };
  } catch (error) {
    if (!thread || !isThreadGone(error)) throw error;
    const posted = await chat.postKnowing(channel, message);
    return { posted, under: posted.ts };
  }
}
