// What a conversation is made of: the form in which it is kept in the browser and exported.

export interface ToolCall {
  id: string;
  name: string;
  arguments: string; // JSON text, as the model wrote it
}

export interface Stats {
  promptTokens: number;
  cachedTokens: number;
  tokens: number;
  firstMs: number; // from the request to the first piece
  totalMs: number;
}

export interface Message {
  id: string;
  role: "user" | "assistant" | "tool";
  content: string;
  reasoning?: string;
  toolCalls?: ToolCall[];
  toolCallId?: string; // of a tool's result
  model?: string;
  finish?: string; // as the server said, or "stopped"; absent while it is written
  error?: string;
  stats?: Stats;
}

/** Sampling members are absent where the model's own defaults shall hold. */
export interface Settings {
  system: string;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  max_tokens?: number;
  seed?: number;
  stop: string; // one a line
  schema: string; // JSON Schema, or empty
  tools: string; // JSON array in OpenAI's form, or empty
  thinking: "" | "on" | "off";
}

export interface Conversation {
  id: string;
  title: string;
  updated: number; // ms since 1970
  model: string; // "": the server's first
  settings: Settings;
  messages: Message[];
}

export const plainSettings: Settings = { system: "", stop: "", schema: "", tools: "", thinking: "" };

export function newId(): string {
  // randomUUID exists in secure contexts only, and hearth may be asked over plain HTTP.
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
