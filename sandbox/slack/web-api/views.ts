import { z } from 'zod';
import { WebApiError } from '../errors.ts';
import { checkView, isViewTooLarge } from '../rules/block-check.ts';
import { type JsonRecord, recordOf } from '../rules/json.ts';
import type { Parts } from '../rules/parts.ts';
import type { TriggerOrigin } from '../triggers.ts';
import { toSlackView } from '../workspace/views.ts';
import { blocks as json, type MethodTable, method, name, refuseProblems } from './method.ts';

const FREE = { scopes: [], tier: 4 } as const;
const triggered = { trigger_id: name.optional(), interactivity_pointer: name.optional(), view: json };

/** A valid view. Throws `invalid_arguments` with each problem, or `view_too_large`. */
export function acceptedView(view: unknown, kind: 'modal' | 'home', world: Parts['world']): JsonRecord {
  const problems = checkView(view, new Set(world.state().rejectBlocks));
  refuseProblems('invalid_arguments', problems);
  const body = recordOf(view);
  refuseProblems(
    'invalid_arguments',
    body.type === kind ? [] : [{ message: `must be a valid enum value: ${kind}`, pointer: '/view/type' }],
  );
  if (isViewTooLarge(view)) throw new WebApiError('view_too_large');
  return body;
}

export function viewMethods(
  parts: Pick<Parts, 'directory' | 'manifest' | 'triggers' | 'views' | 'world'>,
): MethodTable {
  const { directory, manifest, triggers, views, world } = parts;
  function redeem(args: {
    trigger_id?: string | undefined;
    interactivity_pointer?: string | undefined;
  }): TriggerOrigin {
    const redeemed = triggers.redeem(args.trigger_id ?? args.interactivity_pointer ?? '');
    if (redeemed.kind === 'refused') throw new WebApiError(redeemed.error);
    return redeemed.origin;
  }
  const answer = (view: Parameters<typeof toSlackView>[0]) => ({ view: toSlackView(view, directory) });

  return {
    'views.open': method(FREE, z.object(triggered), (args) => {
      const body = acceptedView(args.view, 'modal', world);
      return answer(views.open(redeem(args).userId, body));
    }),
    'views.push': method(FREE, z.object(triggered), (args) => {
      const body = acceptedView(args.view, 'modal', world);
      const origin = redeem(args);
      // A view can be pushed only above the modal in which the person acted.
      if (!views.stack(origin.userId).some((view) => view.id === origin.viewId))
        throw new WebApiError('invalid_trigger_id');
      return answer(views.push(origin.userId, body));
    }),
    'views.update': method(
      FREE,
      z.object({ view: json, view_id: name.optional(), external_id: name.optional(), hash: name.optional() }),
      (args) => {
        const view = views.find(args.view_id ?? args.external_id ?? '');
        if (!view) throw new WebApiError('not_found');
        return answer(views.update(view, acceptedView(args.view, view.kind, world), args.hash));
      },
    ),
    'views.publish': method(FREE, z.object({ user_id: name, view: json, hash: name.optional() }), (args) => {
      if (!manifest.homeTabEnabled) throw new WebApiError('not_enabled');
      const user = directory.users().find((one) => one.id === args.user_id);
      if (!user || user.isBot) throw new WebApiError('user_not_found');
      return answer(views.publish(user.id, acceptedView(args.view, 'home', world), args.hash));
    }),
  };
}
