import { nameFile, nameMessage, nameText, nameView } from '../messages/kit/pipeline-name.ts';
import type { Chat } from './chat.ts';
import type { FileUpload } from './file-upload.ts';
import type { ModalClient } from './view-client.ts';

/** The same chat, whose messages name the pipeline. `name`: undefined where there is one. */
export const withPipelineName = (chat: Chat, name: string | undefined): Chat =>
  name === undefined
    ? chat
    : {
        post: (channel, message, ...rest) => chat.post(channel, nameMessage(message, name), ...rest),
        postStored: (channel, message, ...rest) => chat.postStored(channel, nameMessage(message, name), ...rest),
        edit: (location, message) => chat.edit(location, nameMessage(message, name)),
        editStored: (location, message) => chat.editStored(location, nameMessage(message, name)),
        removeButtons: (location, message) => chat.removeButtons(location, nameMessage(message, name)),
        postEphemeral: (channel, person, message, threadTs) =>
          chat.postEphemeral(channel, person, nameMessage(message, name), threadTs),
        permalink: chat.permalink,
      };

/** The same modals, which name the pipeline. */
export const withPipelineNameInViews = (
  { openView, updateView }: ModalClient,
  name: string | undefined,
): ModalClient => ({
  openView: (triggerId, view) => openView(triggerId, nameView(view, name)),
  updateView: (viewId, view) => updateView(viewId, nameView(view, name)),
});

/** The same uploads, whose texts and file names name the pipeline. */
export const withPipelineNameInFiles = ({ share }: FileUpload, name: string | undefined): FileUpload => ({
  share: ({ comment, files, ...where }) =>
    share({
      ...where,
      comment: (count, bytes) => nameText(comment(count, bytes), name),
      files: renamed(files, name),
    }),
});

async function* renamed<F extends { readonly name: string }>(
  files: AsyncIterable<F>,
  name: string | undefined,
): AsyncIterable<F> {
  for await (const file of files) yield { ...file, name: nameFile(file.name, name) };
}
