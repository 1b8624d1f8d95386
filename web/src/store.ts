// The state of the page and everything that changes it. Views read `store.state` and call its methods; objects in the state are
// replaced, never changed, so that a view can tell by identity whether to draw again.
import { useEffect, useState } from "preact/hooks";
import { type Chunk, chatRequest, listModels, type Model, ServerError, streamChat } from "./api";
import { loadConversations, loadPreferences, type Preferences, removeConversation, saveConversation, savePreferences } from "./storage";
import { type Conversation, type Message, newId, plainSettings, type Settings } from "./types";

export interface State {
  loaded: boolean;
  conversations: Conversation[]; // the latest first
  current: string; // id
  writing: ReadonlySet<string>; // ids of conversations with an answer under way
  models: Model[];
  serverError: string; // why there is no list of models
  preferences: Preferences;
  notice: string; // said to the reader once
}

const drawEveryMs = 40;
const keepEveryMs = 1500; // an answer under way
const retryEveryMs = 5000; // a server that does not answer

function emptyConversation(like?: Conversation): Conversation {
  const settings = like ? like.settings : plainSettings;
  return { id: newId(), title: "", updated: Date.now(), model: like?.model ?? "", settings, messages: [] };
}

class Store {
  state: State;
  private listeners = new Set<() => void>();
  private leftAt = 0;
  private retry: number | undefined;
  private aborts = new Map<string, AbortController>();

  constructor() {
    const first = emptyConversation();
    this.state = {
      loaded: false,
      conversations: [first],
      current: first.id,
      writing: new Set(),
      models: [],
      serverError: "",
      preferences: loadPreferences(),
      notice: "",
    };
  }

  async start(): Promise<void> {
    void this.refreshModels();
    try {
      const kept = (await loadConversations()).sort((a, b) => b.updated - a.updated);
      this.set({ conversations: [...this.state.conversations, ...kept], loaded: true });
      const last = kept[0];
      if (last && sessionStorage.getItem("hearth") === last.id) this.select(last.id);
      else if (last) this.update(this.current.id, { settings: last.settings, model: last.model });
    } catch {
      this.set({ loaded: true, notice: "This browser keeps no data for this page: conversations end with it." });
    }
    // A page that is left breaks its own connections, which is no fault of theirs.
    addEventListener("beforeunload", () => (this.leftAt = Date.now()));
    addEventListener("pagehide", () => this.state.writing.forEach((id) => this.keep(id)));
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get current(): Conversation {
    return this.find(this.state.current) ?? (this.state.conversations[0] as Conversation);
  }

  private find(id: string): Conversation | undefined {
    return this.state.conversations.find((conversation) => conversation.id === id);
  }

  private set(changes: Partial<State>): void {
    this.state = { ...this.state, ...changes };
    for (const listener of this.listeners) listener();
  }

  private update(id: string, changes: Partial<Conversation>): void {
    const conversations = this.state.conversations.map((one) => (one.id === id ? { ...one, ...changes } : one));
    this.set({ conversations });
  }

  private keep(id: string): void {
    const conversation = this.find(id);
    if (!conversation || conversation.messages.length === 0) return;
    saveConversation(conversation).catch(() => this.set({ notice: "This conversation could not be kept in the browser." }));
  }

  async refreshModels(): Promise<void> {
    try {
      this.set({ models: await listModels(this.state.preferences.apiKey), serverError: "" });
    } catch (error) {
      this.set({ models: [], serverError: (error as Error).message });
      if (!(error instanceof ServerError && error.status === 0)) return;
      clearTimeout(this.retry);
      this.retry = setTimeout(() => void this.refreshModels(), retryEveryMs);
    }
  }

  setPreferences(changes: Partial<Preferences>): void {
    const preferences = { ...this.state.preferences, ...changes };
    savePreferences(preferences);
    this.set({ preferences });
  }

  setNotice(notice: string): void {
    this.set({ notice });
  }

  // Conversations.

  create(): void {
    const current = this.current;
    if (current.messages.length === 0) return;
    const fresh = emptyConversation(current);
    this.set({ conversations: [fresh, ...this.state.conversations] });
    this.select(fresh.id);
  }

  select(id: string): void {
    // An empty one that is left behind goes.
    const conversations = this.state.conversations.filter((one) => one.id === id || one.messages.length > 0);
    this.set({ conversations, current: id });
    try {
      sessionStorage.setItem("hearth", id); // a reload comes back to it
    } catch {
      // Only a convenience.
    }
  }

  remove(id: string): void {
    this.stop(id);
    let conversations = this.state.conversations.filter((one) => one.id !== id);
    if (conversations.length === 0) conversations = [emptyConversation(this.find(id))];
    this.set({ conversations });
    if (this.state.current === id) this.select((conversations[0] as Conversation).id);
    removeConversation(id).catch(() => undefined);
  }

  rename(id: string, title: string): void {
    this.update(id, { title });
    this.keep(id);
  }

  setModel(model: string): void {
    this.update(this.current.id, { model });
    this.keep(this.current.id);
  }

  setSettings(changes: Partial<Settings>): void {
    this.update(this.current.id, { settings: { ...this.current.settings, ...changes } });
    this.keep(this.current.id);
  }

  add(conversations: Conversation[]): void {
    const all = [...this.state.conversations, ...conversations].sort((a, b) => b.updated - a.updated);
    this.set({ conversations: all });
    for (const { id } of conversations) this.keep(id);
    if (conversations[0]) this.select(conversations[0].id);
  }

  // Answers.

  send(text: string): void {
    this.ask(this.current, [...this.current.messages, { id: newId(), role: "user", content: text }]);
  }

  /** Replaces a message of the user; what came after it goes. */
  edit(messageId: string, text: string): void {
    const { messages } = this.current;
    const at = messages.findIndex((message) => message.id === messageId);
    if (at >= 0) this.ask(this.current, [...messages.slice(0, at), { id: newId(), role: "user", content: text }]);
  }

  /** Asks again for an answer: what came before it stays. */
  regenerate(messageId: string): void {
    const { messages } = this.current;
    const at = messages.findIndex((message) => message.id === messageId);
    if (at > 0) this.ask(this.current, messages.slice(0, at));
  }

  giveToolResults(results: { toolCallId: string; content: string }[]): void {
    const answers = results.map((result): Message => ({ id: newId(), role: "tool", ...result }));
    this.ask(this.current, [...this.current.messages, ...answers]);
  }

  stop(id = this.state.current): void {
    this.aborts.get(id)?.abort();
  }

  private ask(conversation: Conversation, messages: Message[]): void {
    const { id, settings, model } = conversation;
    if (this.aborts.has(id)) return;
    const firstText = messages[0]?.content ?? "";
    const title = conversation.title || [...firstText.trim().slice(0, 200).replace(/\s+/g, " ")].slice(0, 60).join("");
    const answer: Message = { id: newId(), role: "assistant", content: "", model };
    const abort = new AbortController();
    this.aborts.set(id, abort);
    const conversations = this.state.conversations.filter((one) => one.id !== id);
    const changed = { ...conversation, title, updated: Date.now(), messages: [...messages, answer] };
    this.set({ conversations: [changed, ...conversations], writing: new Set(this.aborts.keys()), notice: "" });
    this.select(id);
    this.keep(id);
    void this.write(id, answer, () => chatRequest(model, settings, messages), abort.signal).finally(() => {
      this.aborts.delete(id);
      this.set({ writing: new Set(this.aborts.keys()) });
      this.keep(id);
      // A server that was away when the page came may be back.
      if (this.state.models.length === 0) void this.refreshModels();
    });
  }

  private async write(
    id: string,
    answer: Message,
    request: () => Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<void> {
    const writer = new AnswerWriter(answer);
    let timer: number | undefined;
    let kept = Date.now();
    const draw = () => {
      timer = undefined;
      const messages = this.find(id)?.messages.map((message) => (message.id === answer.id ? writer.message() : message));
      if (messages) this.update(id, { messages });
      if (Date.now() - kept < keepEveryMs) return;
      kept = Date.now();
      this.keep(id);
    };
    try {
      for await (const chunk of streamChat(request(), this.state.preferences.apiKey, signal)) {
        writer.add(chunk);
        timer ??= setTimeout(draw, drawEveryMs);
      }
      writer.end();
    } catch (error) {
      if (signal.aborted || Date.now() - this.leftAt < 3000) writer.end("stopped");
      else writer.fail(error as Error);
    }
    clearTimeout(timer);
    draw();
  }
}

/** An answer as its chunks arrive. */
class AnswerWriter {
  private readonly started = performance.now();
  private firstMs: number | undefined;
  private answer: Message;

  constructor(answer: Message) {
    this.answer = { ...answer };
  }

  message(): Message {
    return { ...this.answer };
  }

  add(chunk: Chunk): void {
    const answer = this.answer;
    if (chunk.model) answer.model = chunk.model;
    for (const { delta, finish_reason } of chunk.choices ?? []) {
      if (delta.content || delta.reasoning_content || delta.tool_calls) this.firstMs ??= performance.now() - this.started;
      if (delta.content) answer.content += delta.content;
      if (delta.reasoning_content) answer.reasoning = (answer.reasoning ?? "") + delta.reasoning_content;
      for (const part of delta.tool_calls ?? []) {
        const calls = [...(answer.toolCalls ?? [])];
        const call = calls[part.index] ?? { id: "", name: "", arguments: "" };
        calls[part.index] = {
          id: part.id ?? call.id,
          name: part.function?.name ?? call.name,
          arguments: call.arguments + (part.function?.arguments ?? ""),
        };
        answer.toolCalls = calls;
      }
      if (finish_reason) answer.finish = finish_reason;
    }
    if (chunk.usage) {
      const totalMs = performance.now() - this.started;
      answer.stats = {
        promptTokens: chunk.usage.prompt_tokens,
        cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
        tokens: chunk.usage.completion_tokens,
        firstMs: this.firstMs ?? totalMs,
        totalMs,
      };
    }
  }

  end(reason?: string): void {
    this.answer.finish = reason ?? this.answer.finish ?? "stop";
  }

  fail(error: Error): void {
    this.answer.error = error.message;
    delete this.answer.finish;
  }
}

export const store = new Store();

export function useStore(): State {
  const [state, setState] = useState(store.state);
  useEffect(() => {
    setState(store.state);
    return store.subscribe(() => setState(store.state));
  }, []);
  return state;
}
