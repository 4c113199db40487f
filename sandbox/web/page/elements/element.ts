import { type ComponentChildren, h } from 'preact';
import { picture } from '../blocks/picture.ts';
import { unknownNode } from '../blocks/text.ts';
import { Button, FeedbackButtons, Overflow } from './buttons.ts';
import { DateInput, FileInput, TextInput } from './inputs.ts';
import { Boxes, Select } from './selects.ts';
import { type ElementProps, labelledGroup } from './surface.ts';

/**
 * One element of a block. It sends an action at once, or keeps its value until the form is submitted. An unknown
 * element is shown as JSON.
 */
export function Element(props: ElementProps): ComponentChildren {
  switch (props.element.type) {
    case 'button':
    case 'workflow_button':
    case 'icon_button':
      return h(Button, props);
    case 'feedback_buttons':
      return h(FeedbackButtons, props);
    case 'overflow':
      return h(Overflow, props);
    case 'static_select':
    case 'external_select':
    case 'users_select':
    case 'channels_select':
    case 'conversations_select':
    case 'multi_static_select':
    case 'multi_external_select':
    case 'multi_users_select':
    case 'multi_channels_select':
    case 'multi_conversations_select':
      return h(Select, props);
    case 'checkboxes':
      return h(Boxes, { ...props, many: true, group: labelledGroup(props, 'Choices') });
    case 'radio_buttons':
      return h(Boxes, { ...props, many: false, group: labelledGroup(props, 'Choices') });
    case 'plain_text_input':
    case 'email_text_input':
    case 'url_text_input':
    case 'number_input':
    case 'rich_text_input':
      return h(TextInput, props);
    case 'datepicker':
    case 'timepicker':
    case 'datetimepicker':
      return h(DateInput, props);
    case 'file_input':
      return h(FileInput, props);
    case 'image':
      return picture(props.element, 'accessory-picture');
    default:
      return unknownNode(props.element);
  }
}
