// The messages of a conversation. Scrolls along while the reader is at its end.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { MessageView } from "./message";
import type { Conversation } from "./types";

export function Thread({ conversation, writing }: { conversation: Conversation; writing: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const { messages } = conversation;
  const last = messages.at(-1);
  useLayoutEffect(() => {
    atEnd.current = true;
  }, [conversation.id, messages.length]);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [conversation.id, messages.length, last, writing]);
  const onScroll = () => {
    const element = scroller.current;
    if (element) atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
  };
  return (
    <div class="thread" ref={scroller} onScroll={onScroll} tabIndex={0} role="log" aria-label="Conversation" aria-live="off">
      {messages.length === 0 && <Welcome />}
      {messages.map((message, i) => (
        <MessageView
          key={message.id}
          message={message}
          isLast={i === messages.length - 1}
          writing={writing && i === messages.length - 1}
          busy={writing}
        />
      ))}
      <Announcer writing={writing} text={last?.error ?? last?.content ?? ""} id={conversation.id} />
    </div>
  );
}

function Welcome() {
  return (
    <section class="welcome">
      <h2>What shall it be?</h2>
      <p>Everything stays on this machine: the model runs in hearth, the conversation in this browser.</p>
    </section>
  );
}

/** A screen reader hears that an answer began and then the whole of it, not every piece. */
function Announcer({ writing, text, id }: { writing: boolean; text: string; id: string }) {
  const [said, setSaid] = useState("");
  const was = useRef({ writing: false, id });
  useEffect(() => {
    const before = was.current;
    was.current = { writing, id };
    if (before.id !== id) setSaid("");
    else if (!before.writing && writing) setSaid("The answer is being written.");
    else if (before.writing && !writing) setSaid(`Answer: ${text.slice(0, 2000)}`);
  }, [writing, id]);
  return <p class="unseen" role="status">{said}</p>;
}
