// The frame of what opens at the right: takes the focus, and gives it back to the message box.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "./icons";

interface Props {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function PanelFrame({ title, onClose, children }: Props) {
  const frame = useRef<HTMLElement>(null);
  useEffect(() => {
    frame.current?.focus();
    return () => document.getElementById("message-box")?.focus();
  }, []);
  return (
    <aside class="panel" aria-label={title} ref={frame} tabIndex={-1}>
      <div class="panel-head">
        <h2>{title}</h2>
        <IconButton icon="close" label={`Close ${title.toLowerCase()}`} onClick={onClose} />
      </div>
      {children}
    </aside>
  );
}
