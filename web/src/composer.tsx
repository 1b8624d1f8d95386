// The box in which messages are written.
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons";
import { store } from "./store";

const drafts = new Map<string, string>(); // of conversations that were left; until the page is

export function Composer({ id, writing }: { id: string; writing: boolean }) {
  const [text, setDraft] = useState(drafts.get(id) ?? "");
  const setText = (draft: string) => {
    drafts.set(id, draft);
    setDraft(draft);
  };
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, innerHeight * 0.4)}px`;
  }, [text]);
  const send = () => {
    if (writing || text.trim() === "") return;
    store.send(text);
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !writing) {
      const mine = document.querySelectorAll<HTMLButtonElement>("button[data-edit]");
      mine[mine.length - 1]?.click();
    }
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        id="message-box"
        ref={box}
        rows={1}
        aria-label="Message"
        placeholder="Ask something"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      {writing ? (
        <button type="button" class="round" aria-label="Stop" title="Stop (Esc)" onClick={() => store.stop()}>
          <Icon name="stop" />
        </button>
      ) : (
        <button type="submit" class="round" aria-label="Send" title="Send (Enter)" disabled={text.trim() === ""}>
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}
