// Where things stay in the browser: conversations in IndexedDB (large), preferences in localStorage (small).
import { type Conversation, type Message, plainSettings, newId } from "./types";

const name = "conversations";

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

let opened: Promise<IDBDatabase> | undefined;
function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("hearth", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(name, { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

async function table(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  return (await database()).transaction(name, mode).objectStore(name);
}

export async function loadConversations(): Promise<Conversation[]> {
  const all = await request<unknown[]>((await table("readonly")).getAll());
  return all.map(asConversation).filter((conversation) => conversation !== undefined);
}

export async function saveConversation(conversation: Conversation): Promise<void> {
  const store = await table("readwrite");
  const put = request(store.put(conversation));
  store.transaction.commit(); // at once: the page may be about to go
  await put;
}

export async function removeConversation(id: string): Promise<void> {
  await request((await table("readwrite")).delete(id));
}

export function exportText(conversations: Conversation[]): string {
  return JSON.stringify({ format: "hearth-conversations", version: 1, conversations }, null, 2);
}

/** Throws an Error with a sentence when the text is something else. Ids are new, so that nothing is overwritten. */
export function parseImport(text: string): Conversation[] {
  let file: { format?: unknown; version?: unknown; conversations?: unknown };
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON.");
  }
  if (file?.format !== "hearth-conversations" || !Array.isArray(file.conversations)) {
    throw new Error("This file holds no conversations exported from hearth.");
  }
  if (file.version !== 1) throw new Error(`This file has version ${String(file.version)}; this page reads version 1.`);
  return file.conversations.map((item, i) => {
    const conversation = asConversation(item);
    if (!conversation) throw new Error(`Conversation ${i + 1} of this file is damaged.`);
    return { ...conversation, id: newId() };
  });
}

/** From foreign JSON: only the members that are known, each of its type. */
function asConversation(value: unknown): Conversation | undefined {
  const from = value as Partial<Conversation> | null;
  if (typeof from?.id !== "string" || !Array.isArray(from.messages)) return undefined;
  const messages = from.messages.map(asMessage);
  if (messages.includes(undefined)) return undefined;
  const settings = { ...plainSettings };
  const given = (from.settings ?? {}) as unknown as Record<string, unknown>;
  for (const key of ["system", "stop", "schema", "tools"] as const) {
    if (typeof given[key] === "string") settings[key] = given[key];
  }
  for (const key of ["temperature", "top_p", "top_k", "min_p", "max_tokens", "seed"] as const) {
    if (typeof given[key] === "number") settings[key] = given[key];
  }
  if (given["thinking"] === "on" || given["thinking"] === "off") settings.thinking = given["thinking"];
  return {
    id: from.id,
    title: typeof from.title === "string" ? from.title : "",
    updated: typeof from.updated === "number" ? from.updated : 0,
    model: typeof from.model === "string" ? from.model : "",
    settings,
    messages: messages as Message[],
  };
}

function asMessage(value: unknown): Message | undefined {
  const from = value as Partial<Message> | null;
  const role = from?.role;
  if (role !== "user" && role !== "assistant" && role !== "tool") return undefined;
  if (typeof from?.content !== "string") return undefined;
  const message: Message = { id: newId(), role, content: from.content };
  for (const key of ["reasoning", "toolCallId", "model", "finish", "error"] as const) {
    if (typeof from[key] === "string") message[key] = from[key];
  }
  if (Array.isArray(from.toolCalls)) {
    message.toolCalls = from.toolCalls.map((call) => ({
      id: String(call?.id),
      name: String(call?.name),
      arguments: String(call?.arguments),
    }));
  }
  const stats = from.stats;
  if (stats && [stats.promptTokens, stats.cachedTokens, stats.tokens, stats.firstMs, stats.totalMs].every(Number.isFinite)) {
    message.stats = stats;
  }
  // Its stream ended with the page that showed it.
  if (role === "assistant" && message.finish === undefined && message.error === undefined) message.finish = "stopped";
  return message;
}

export interface Preferences {
  theme: "" | "light" | "dark"; // "": the system's
  apiKey: string;
  rememberKey: boolean;
}

export function loadPreferences(): Preferences {
  const preferences: Preferences = { theme: "", apiKey: "", rememberKey: false };
  try {
    const kept = JSON.parse(localStorage.getItem("hearth") ?? "{}") as Partial<Preferences>;
    if (kept.theme === "light" || kept.theme === "dark") preferences.theme = kept.theme;
    if (typeof kept.apiKey === "string" && kept.apiKey) {
      preferences.apiKey = kept.apiKey;
      preferences.rememberKey = true;
    }
  } catch {
    // Storage that is switched off or damaged: the defaults.
  }
  return preferences;
}

export function savePreferences({ theme, apiKey, rememberKey }: Preferences): void {
  try {
    localStorage.setItem("hearth", JSON.stringify({ theme, apiKey: rememberKey ? apiKey : "" }));
  } catch {
    // As above; they hold until the page is left.
  }
}
