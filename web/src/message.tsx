// One message: text, thinking, tool calls, what went wrong, and what can be done with it.
import { useMemo, useRef, useState } from "preact/hooks";
import { CodeBlock, CopyButton } from "./code_block";
import { Icon, IconButton } from "./icons";
import { Markdown } from "./markdown";
import { store } from "./store";
import type { Message, Stats, ToolCall } from "./types";

interface Props {
  message: Message;
  isLast: boolean;
  writing: boolean; // this message
  busy: boolean; // its conversation
}

const views = { user: UserMessage, tool: ToolResult, assistant: Answer };

/** Drawn again only when something in it changed: the same element is skipped. */
export function MessageView(props: Props) {
  const View = views[props.message.role];
  return useMemo(() => <View {...props} />, [props.message, props.isLast, props.writing, props.busy]);
}

function UserMessage({ message, busy }: Props) {
  const [editing, setEditing] = useState(false);
  const leave = () => {
    setEditing(false);
    document.getElementById("message-box")?.focus();
  };
  if (editing) return <Editor message={message} onEnd={leave} />;
  return (
    <article class="message user" aria-label="You">
      <div class="bubble">{message.content}</div>
      <div class="actions">
        <CopyButton text={message.content} label="Copy message" />
        <button type="button" class="quiet" data-edit disabled={busy} aria-label="Edit message" onClick={() => setEditing(true)}>
          <Icon name="edit" /> Edit
        </button>
      </div>
    </article>
  );
}

function Editor({ message, onEnd }: { message: Message; onEnd: () => void }) {
  const [text, setText] = useState(message.content);
  const box = useRef<HTMLTextAreaElement>(null);
  const send = () => {
    if (text.trim() === "") return;
    store.edit(message.id, text);
    onEnd();
  };
  return (
    <article class="message user" aria-label="You">
      <textarea
        ref={(element) => {
          if (element && box.current !== element) {
            element.focus();
            element.setSelectionRange(text.length, text.length);
          }
          box.current = element;
        }}
        class="editor"
        aria-label="Edit message"
        rows={Math.min(12, text.split("\n").length + 1)}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
            event.preventDefault();
            send();
          } else if (event.key === "Escape") {
            event.preventDefault();
            onEnd();
          }
        }}
      />
      <p class="hint">What came after this message is replaced.</p>
      <div class="actions shown">
        <button type="button" onClick={send}>Send again</button>
        <button type="button" class="quiet" onClick={onEnd}>Cancel</button>
      </div>
    </article>
  );
}

function ToolResult({ message }: Props) {
  return (
    <article class="message tool" aria-label="Tool result">
      <p class="role">Result of the tool</p>
      <CodeBlock code={message.content} language={isJson(message.content) ? "json" : ""} />
    </article>
  );
}

function Answer({ message, isLast, writing, busy }: Props) {
  const { content, reasoning, toolCalls, error, finish, stats } = message;
  const nothing = content === "" && !reasoning && !toolCalls?.length;
  return (
    <article class="message answer" aria-label="Answer" aria-busy={writing}>
      {message.model && <p class="role">{message.model}</p>}
      {reasoning && <Thinking text={reasoning} going={writing && content === "" && !toolCalls?.length} />}
      {content !== "" && <Content text={content} done={!writing} />}
      {toolCalls?.map((call) => <ToolCallView key={call.id} call={call} />)}
      {writing && nothing && <p class="hint"><span class="busy" aria-hidden="true" /> Waiting for the first token</p>}
      {toolCalls && toolCalls.length > 0 && isLast && !writing && !error && <ResultForm calls={toolCalls} />}
      {finish === "length" && <p class="hint">The answer ended at the limit of tokens.</p>}
      {finish === "stopped" && <p class="hint">Stopped.</p>}
      {error && (
        <div class="error" role="alert">
          <p>{error}</p>
          {isLast && (
            <button type="button" disabled={busy} onClick={() => store.regenerate(message.id)}>Retry</button>
          )}
        </div>
      )}
      {!writing && (
        <div class="actions">
          {content !== "" && <CopyButton text={content} label="Copy answer" />}
          {!error && isLast && (
            <IconButton icon="again" label="Regenerate" disabled={busy} onClick={() => store.regenerate(message.id)} />
          )}
          {stats && <span class="stats">{describe(stats)}</span>}
        </div>
      )}
    </article>
  );
}

/** An answer that is one JSON value, as after a JSON Schema, is shown as such. */
function Content({ text, done }: { text: string; done: boolean }) {
  const json = useMemo(() => (done && isJson(text) ? JSON.stringify(JSON.parse(text), null, 2) : undefined), [text, done]);
  return <div class="content">{json === undefined ? <Markdown text={text} /> : <CodeBlock code={json} language="json" />}</div>;
}

function isJson(text: string): boolean {
  if (!/^\s*[{[]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function Thinking({ text, going }: { text: string; going: boolean }) {
  return (
    <details class="thinking">
      <summary>
        {going ? "Thinking…" : "Thinking"} {going && <span class="busy" aria-hidden="true" />}
      </summary>
      <div class="content"><Markdown text={text} /></div>
    </details>
  );
}

function ToolCallView({ call }: { call: ToolCall }) {
  const pretty = isJson(call.arguments) ? JSON.stringify(JSON.parse(call.arguments), null, 2) : call.arguments;
  return (
    <section class="call" aria-label={`Tool call: ${call.name}`}>
      <p class="role">Calls <strong>{call.name}</strong></p>
      <CodeBlock code={pretty} language="json" />
    </section>
  );
}

/** The page runs no tools: what they would have said can be given by hand. */
function ResultForm({ calls }: { calls: ToolCall[] }) {
  const [results, setResults] = useState<string[]>(calls.map(() => ""));
  const send = (event: Event) => {
    event.preventDefault();
    store.giveToolResults(calls.map((call, i) => ({ toolCallId: call.id, content: results[i] ?? "" })));
  };
  return (
    <form class="results" onSubmit={send}>
      {calls.map((call, i) => (
        <label key={call.id}>
          Result of {call.name}
          <textarea
            rows={2}
            value={results[i] ?? ""}
            onInput={(event) => setResults(results.map((old, j) => (i === j ? event.currentTarget.value : old)))}
          />
        </label>
      ))}
      <button type="submit">Send {calls.length === 1 ? "result" : "results"}</button>
    </form>
  );
}

function describe({ tokens, promptTokens, cachedTokens, firstMs, totalMs }: Stats): string {
  const seconds = (totalMs - firstMs) / 1000;
  const parts = [`${tokens} token${tokens === 1 ? "" : "s"}`];
  // One piece has no rate.
  if (tokens > 1 && seconds > 0.02) parts.push(`${((tokens - 1) / seconds).toFixed(1)} per second`);
  parts.push(`first after ${(firstMs / 1000).toFixed(2)} s`);
  parts.push(`prompt ${promptTokens}${cachedTokens > 0 ? `, ${cachedTokens} from the cache` : ""}`);
  return parts.join(" · ");
}
