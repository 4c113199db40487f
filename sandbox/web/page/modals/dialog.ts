import { type ComponentChildren, h } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/**
 * The browser's own modal dialog: the page behind it cannot be reached, Escape calls `onClose`, and the focus goes back to where it was
 * when the dialog is gone, or to the messages where that is gone too.
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
      // Whoever opened it takes it away.
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
