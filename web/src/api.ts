// hearth's HTTP interface, as far as the page uses it. Everything is asked of the server that gave the page.
import { serverSentEvents } from "./sse";
import type { Message, Settings } from "./types";

export class ServerError extends Error {
  constructor(
    message: string,
    readonly status: number, // 0: no answer at all
  ) {
    super(message);
  }
}

export interface Model {
  id: string;
  max_model_len?: number;
}

export interface Delta {
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[];
}

export interface Chunk {
  model?: string;
  choices?: { delta: Delta; finish_reason: string | null }[];
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number };
  } | null;
  error?: { message: string };
}

async function ask(path: string, key: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "same-origin", redirect: "error" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ServerError("hearth does not answer. Is “hearth serve” still running?", 0);
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  const message = messageOf(text) ?? `The server answered with status ${response.status}.`;
  const hint = response.status === 401 ? " (Settings has a field for the API key.)" : "";
  throw new ServerError(message + hint, response.status);
}

function messageOf(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: string } | string };
    return typeof error === "string" ? error : error?.message;
  } catch {
    return undefined;
  }
}

export async function listModels(key: string): Promise<Model[]> {
  const list = (await (await ask("v1/models", key)).json()) as { data?: Model[] };
  return list.data ?? [];
}

export async function readMetrics(key: string): Promise<string> {
  return (await ask("metrics", key)).text();
}

/** The body of a request; throws an Error with a sentence when a box holds no valid JSON. */
export function chatRequest(model: string, settings: Settings, messages: Message[]): Record<string, unknown> {
  const body: Record<string, unknown> = { stream: true, stream_options: { include_usage: true } };
  if (model) body["model"] = model;
  const wire = messages.filter((message) => !isEmptyAnswer(message)).map(wireMessage);
  body["messages"] = settings.system ? [{ role: "system", content: settings.system }, ...wire] : wire;
  for (const name of ["temperature", "top_p", "top_k", "min_p", "seed"] as const) {
    if (settings[name] !== undefined) body[name] = settings[name];
  }
  if (settings.max_tokens !== undefined) body["max_completion_tokens"] = settings.max_tokens;
  const stop = settings.stop.split("\n").filter((line) => line !== "");
  if (stop.length > 0) body["stop"] = stop;
  if (settings.schema.trim()) {
    const schema = parseBox(settings.schema, "JSON Schema");
    body["response_format"] = { type: "json_schema", json_schema: { name: "answer", schema, strict: true } };
  }
  if (settings.tools.trim()) body["tools"] = parseBox(settings.tools, "Tools");
  if (settings.thinking) body["chat_template_kwargs"] = { enable_thinking: settings.thinking === "on" };
  return body;
}

export function parseBox(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name}: not valid JSON (${(error as Error).message})`);
  }
}

function isEmptyAnswer(message: Message): boolean {
  return message.role === "assistant" && message.content === "" && !message.toolCalls?.length;
}

function wireMessage(message: Message): Record<string, unknown> {
  if (message.role === "tool") return { role: "tool", tool_call_id: message.toolCallId, content: message.content };
  if (!message.toolCalls?.length) return { role: message.role, content: message.content };
  return {
    role: "assistant",
    content: message.content || null,
    tool_calls: message.toolCalls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: call.arguments },
    })),
  };
}

/** The chunks of an answer. Throws a ServerError also where the stream ends before its end. */
export async function* streamChat(
  body: Record<string, unknown>,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  const response = await ask("v1/chat/completions", key, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.body) throw new ServerError("The answer has no body.", response.status);
  try {
    for await (const data of serverSentEvents(response.body)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data) as Chunk;
      if (chunk.error) throw new ServerError(chunk.error.message, response.status);
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted || error instanceof ServerError) throw error;
    throw new ServerError("The connection broke before the answer was complete.", 0);
  }
  throw new ServerError("The connection ended before the answer was complete.", 0);
}
