// The conversations that the browser keeps: choose, rename, remove, export, import.
import { useRef, useState } from "preact/hooks";
import { IconButton, Icon } from "./icons";
import { exportText, parseImport } from "./storage";
import { store, useStore } from "./store";
import type { Conversation } from "./types";

export function Sidebar({ onLeave, onHelp }: { onLeave: () => void; onHelp: () => void }) {
  const { conversations, current, writing, loaded } = useStore();
  const [search, setSearch] = useState("");
  const file = useRef<HTMLInputElement>(null);
  const kept = conversations.filter((one) => one.messages.length > 0);
  const shown = kept.filter((one) => holds(one, search.trim().toLowerCase()));
  return (
    <nav class="sidebar" aria-label="Conversations">
      <div class="brand">
        <h1>hearth</h1>
        <IconButton icon="help" label="Keyboard shortcuts" onClick={onHelp} />
      </div>
      <button
        type="button"
        class="wide"
        onClick={() => {
          store.create();
          onLeave();
        }}
      >
        <Icon name="add" /> New conversation
      </button>
      {kept.length > 5 && (
        <input
          type="search"
          aria-label="Search conversations"
          placeholder="Search"
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <ul class="conversations">
        {shown.map((one) => (
          <Entry
            key={one.id}
            conversation={one}
            isCurrent={one.id === current}
            isWriting={writing.has(one.id)}
            onSelect={() => {
              store.select(one.id);
              onLeave();
            }}
          />
        ))}
      </ul>
      {loaded && kept.length === 0 && <p class="hint">Conversations are kept in this browser only.</p>}
      <div class="row">
        <button type="button" class="quiet" disabled={kept.length === 0} onClick={() => save(kept)}>Export</button>
        <button type="button" class="quiet" onClick={() => file.current?.click()}>Import</button>
        <input
          ref={file}
          type="file"
          accept="application/json,.json"
          aria-label="File of conversations to import"
          hidden
          onChange={(event) => void load(event.currentTarget)}
        />
      </div>
    </nav>
  );
}

function holds(conversation: Conversation, text: string): boolean {
  return (
    text === "" ||
    conversation.title.toLowerCase().includes(text) ||
    conversation.messages.some((message) => message.content.toLowerCase().includes(text))
  );
}

interface EntryProps {
  conversation: Conversation;
  isCurrent: boolean;
  isWriting: boolean;
  onSelect: () => void;
}

function Entry({ conversation, isCurrent, isWriting, onSelect }: EntryProps) {
  const [renaming, setRenaming] = useState(false);
  const title = conversation.title || "Untitled";
  if (renaming) {
    const end = (event: { currentTarget: HTMLInputElement }) => {
      store.rename(conversation.id, event.currentTarget.value.trim() || title);
      setRenaming(false);
    };
    return (
      <li>
        <input
          aria-label="Title"
          value={title}
          ref={(input) => input?.focus()}
          onBlur={end}
          onKeyDown={(event) => {
            if (event.key === "Enter") end(event);
            if (event.key !== "Escape") return;
            event.preventDefault();
            setRenaming(false);
          }}
        />
      </li>
    );
  }
  const remove = () => {
    if (confirm(`Remove “${title}” from this browser?`)) store.remove(conversation.id);
  };
  return (
    <li class={isCurrent ? "current" : ""}>
      <button type="button" class="title" aria-current={isCurrent ? "true" : undefined} onClick={onSelect}>
        {title}
        {isWriting && <span class="busy" role="img" aria-label="being answered" />}
      </button>
      <span class="row">
        <IconButton icon="edit" label={`Rename “${title}”`} onClick={() => setRenaming(true)} />
        <IconButton icon="remove" label={`Remove “${title}”`} onClick={remove} />
      </span>
    </li>
  );
}

function save(conversations: Conversation[]): void {
  const url = URL.createObjectURL(new Blob([exportText(conversations)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `hearth-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function load(input: HTMLInputElement): Promise<void> {
  const text = await input.files?.[0]?.text();
  input.value = "";
  if (text === undefined) return;
  try {
    const conversations = parseImport(text);
    store.add(conversations);
    store.setNotice(`${conversations.length} conversation${conversations.length === 1 ? "" : "s"} imported.`);
  } catch (error) {
    store.setNotice((error as Error).message);
  }
}
