import { type ComponentChildren, h } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/**
 * The modal dialog of the browser: the page behind it is inert and Escape calls `onClose`. After it closes, the focus
 * returns to the previous element, or to the messages when that no longer exists.
 */
export function Dialog({
  role,
  label,
  className = '',
  onClose,
  children,
}: {
  role: 'dialog' | 'alertdialog';
  label: string;
  className?: string;
  onClose: () => void;
  children: ComponentChildren;
}): ComponentChildren {
  const dialog = useRef<HTMLDialogElement>(null);
  const closing = useRef(onClose);
  closing.current = onClose;
  useLayoutEffect(() => {
    const before = document.activeElement;
    const { current } = dialog;
    current?.showModal();
    return () => {
      current?.close();
      const messages = document.querySelector('main .messages');
      const back = before instanceof HTMLElement && before.isConnected && before !== document.body ? before : messages;
      if (back instanceof HTMLElement) back.focus();
    };
  }, []);
  useEffect(() => {
    const { current } = dialog;
    const onCancel = (event: Event) => {
      // The component that opened the dialog removes it.
      event.preventDefault();
      closing.current();
    };
    current?.addEventListener('cancel', onCancel);
    return () => current?.removeEventListener('cancel', onCancel);
  }, []);
  return h(
    'dialog',
    { class: `dialog ${className}`, ref: dialog, role, 'aria-label': label, 'aria-modal': 'true' },
    children,
  );
}
