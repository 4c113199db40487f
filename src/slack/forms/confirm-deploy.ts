import { z } from 'zod';
import type { DeployForms, UploadedFile } from './deploy-forms.ts';
import { PACKAGE_FIELD, readDeployId } from './deploy-view.ts';
import type { FormHandler } from './form.ts';
import { FIELD, loadingView } from './table-views.ts';

const filesSchema = z.looseObject({
  [PACKAGE_FIELD]: z.looseObject({
    [PACKAGE_FIELD]: z.looseObject({
      files: z
        .array(z.looseObject({ name: z.string(), size: z.number(), url_private_download: z.string() }))
        .default([]),
    }),
  }),
});

function uploadedFile(values: unknown): UploadedFile | undefined {
  const [file] = filesSchema.safeParse(values).data?.[PACKAGE_FIELD]?.[PACKAGE_FIELD]?.files ?? [];
  return file && { name: file.name, bytes: file.size, url: file.url_private_download };
}

const reasonSchema = z.looseObject({
  [FIELD.reason]: z.looseObject({ [FIELD.reason]: z.looseObject({ value: z.string().nullish() }) }),
});
const reasonOf = (values: unknown): string =>
  reasonSchema.safeParse(values).data?.[FIELD.reason]?.[FIELD.reason]?.value?.trim() ?? '';

/** The submission of the deploy form: asks for approval of new code; else starts the deploy. An uploaded zip is inspected first, in the same modal. */
export const confirmDeploy = (forms: Pick<DeployForms, 'deploy' | 'ask' | 'inspectZip'>): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values, viewId }) {
    const carried = readDeployId(privateMetadata);
    if (!carried) return;
    const { id, channel } = carried;
    if (carried.asks) {
      const reason = reasonOf(values);
      return {
        kind: 'execute',
        channel,
        execute: (requester) => forms.ask(id, reason === '' ? undefined : reason, requester),
      };
    }
    const file = uploadedFile(values);
    if (!file) return { kind: 'execute', channel, execute: (requester) => forms.deploy(id, requester) };
    return {
      kind: 'next',
      view: loadingView('Deploy', 'Reading the zip…'),
      channel,
      execute: (requester) => forms.inspectZip(viewId, file, requester),
    };
  },
});

export const confirmRollback = (forms: Pick<DeployForms, 'rollback'>): FormHandler => ({
  role: 'operator',
  read({ privateMetadata }) {
    const carried = readDeployId(privateMetadata);
    return (
      carried && {
        kind: 'execute',
        channel: carried.channel,
        execute: (requester) => forms.rollback(carried.id, carried.keeps, requester),
      }
    );
  },
});
