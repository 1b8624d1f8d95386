// Markdown as models write it, to elements. Text becomes text nodes and nothing else: there is no way from here to HTML, to a
// script or to another machine (images are shown as links). Scans in linear time, because the text is a stranger's.
import { type ComponentChildren, Fragment } from "preact";
import { CodeBlock } from "./code_block";

const maxDepth = 8;

interface ListItem {
  text: string[];
  checked?: boolean;
}

const bullet = /^( {0,3})([-*+]|\d{1,9}[.)])( +|$)/;
const fence = /^ {0,3}(```+|~~~+)[ \t]{0,8}([\w+#.-]{0,40})[^`]*$/;
const rule = /^ {0,3}(?:(?:\* *){3,}|(?:- *){3,}|(?:_ *){3,})$/;
const heading = /^ {0,3}(#{1,6})(?: (.*))?$/;
const tableLine = /^ *\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?$/;

export function Markdown({ text }: { text: string }) {
  return <>{blocks(text.replaceAll("\r\n", "\n").split("\n"), 0)}</>;
}

function startsBlock(line: string): boolean {
  return line.trim() === "" || fence.test(line) || heading.test(line) || /^ {0,3}>/.test(line) || bullet.test(line) || rule.test(line);
}

function blocks(lines: string[], depth: number): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  let at = 0;
  const line = (i: number) => lines[i] ?? "";
  while (at < lines.length) {
    const first = line(at);
    const fenced = fence.exec(first);
    const titled = heading.exec(first);
    if (first.trim() === "") {
      ++at;
    } else if (fenced?.[1]) {
      let end = at + 1;
      while (end < lines.length && !closesFence(line(end), fenced[1])) ++end;
      out.push(<CodeBlock code={lines.slice(at + 1, end).join("\n")} language={fenced[2] ?? ""} />);
      at = end + 1;
    } else if (titled?.[1]) {
      const Tag = `h${Math.min(6, titled[1].length + 2)}` as "h3"; // under the page's own headings
      out.push(<Tag>{inline((titled[2] ?? "").trim().replace(/ #+$/, ""))}</Tag>);
      ++at;
    } else if (rule.test(first)) {
      out.push(<hr />);
      ++at;
    } else if (/^ {0,3}>/.test(first) && depth < maxDepth) {
      let end = at;
      while (end < lines.length && (/^ {0,3}>/.test(line(end)) || !startsBlock(line(end)))) ++end;
      const inner = lines.slice(at, end).map((quoted) => quoted.replace(/^ {0,3}> ?/, ""));
      out.push(<blockquote>{blocks(inner, depth + 1)}</blockquote>);
      at = end;
    } else if (bullet.test(first) && depth < maxDepth) {
      const list = readList(lines, at);
      out.push(renderList(list.items, list.start, depth));
      at = list.end;
    } else if (first.includes("|") && tableLine.test(line(at + 1))) {
      let end = at + 2;
      while (end < lines.length && line(end).includes("|")) ++end;
      out.push(table(first, line(at + 1), lines.slice(at + 2, end)));
      at = end;
    } else {
      let end = at + 1;
      while (end < lines.length && !startsBlock(line(end))) ++end;
      out.push(<p>{inline(lines.slice(at, end).map((part) => part.trimStart()).join("\n"))}</p>);
      at = end;
    }
  }
  return out;
}

function closesFence(line: string, opening: string): boolean {
  const text = line.trim();
  return text.length >= opening.length && text === opening.charAt(0).repeat(text.length);
}

function readList(lines: string[], from: number): { items: ListItem[]; start: number | undefined; end: number } {
  const marker = bullet.exec(lines[from] ?? "")?.[2] ?? "-";
  const ordered = /\d/.test(marker);
  const items: ListItem[] = [];
  let indent = 0;
  let at = from;
  for (; at < lines.length; ++at) {
    const line = lines[at] ?? "";
    const match = bullet.exec(line);
    const item = items.at(-1);
    const spaces = line.length - line.trimStart().length;
    if (item && line.trim() !== "" && spaces >= indent) {
      item.text.push(line.slice(indent));
    } else if (match?.[2] && /\d/.test(match[2]) === ordered && !rule.test(line)) {
      indent = match[0].length - Math.max(0, (match[3] ?? "").length - 1);
      let text = line.slice(match[0].length);
      const box = /^\[([ xX])\] /.exec(text);
      if (box) text = text.slice(4);
      items.push(box ? { text: [text], checked: box[1] !== " " } : { text: [text] });
    } else if (item && line.trim() === "") {
      const next = lines[at + 1] ?? "";
      const goes = next.trim() !== "" && (next.length - next.trimStart().length >= indent || bullet.test(next));
      if (!goes) break;
      item.text.push("");
    } else if (item && !startsBlock(line) && item.text.at(-1) !== "") {
      item.text.push(line); // a lazy continuation
    } else {
      break;
    }
  }
  return { items, start: ordered ? Number.parseInt(marker, 10) : undefined, end: at };
}

function renderList(items: ListItem[], start: number | undefined, depth: number): ComponentChildren {
  const entries = items.map(({ text, checked }) => {
    const split = text.findIndex((line, i) => i > 0 && startsBlock(line));
    const lead = split < 0 ? text : text.slice(0, split);
    return (
      <li class={checked === undefined ? undefined : "task"}>
        {checked !== undefined && <span>{checked ? "☑ " : "☐ "}</span>}
        {fence.test(lead[0] ?? "") ? blocks(text, depth + 1) : inline(lead.join("\n"))}
        {split > 0 && !fence.test(lead[0] ?? "") && blocks(text.slice(split), depth + 1)}
      </li>
    );
  });
  return start === undefined ? <ul>{entries}</ul> : <ol start={start}>{entries}</ol>;
}

function cells(line: string): string[] {
  const out: string[] = [""];
  const text = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  for (let i = 0; i < text.length; ++i) {
    const c = text.charAt(i);
    if (c === "|") {
      out.push("");
    } else {
      out[out.length - 1] += c === "\\" && text.charAt(i + 1) === "|" ? text.charAt(++i) : c;
    }
  }
  return out.map((cell) => cell.trim());
}

function table(head: string, align: string, rows: string[]): ComponentChildren {
  const sides = cells(align).map((cell) =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "centre" : "right") : "left",
  );
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead>
          <tr>{cells(head).map((cell, i) => <th class={sides[i]} scope="col">{inline(cell)}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>{cells(row).slice(0, sides.length).map((cell, i) => <td class={sides[i]}>{inline(cell)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Only what leads to a page or a mail program, and only when clicked. */
function safeUrl(url: string): string | undefined {
  return /^(https?:\/\/|mailto:)/i.test(url) ? url : undefined;
}

function link(url: string, children: ComponentChildren): ComponentChildren {
  const href = safeUrl(url);
  if (!href) return <>{children}</>;
  return <a href={href} target="_blank" rel="noopener noreferrer">{children}</a>;
}

const marks: [string, "strong" | "em" | "del"][] = [["**", "strong"], ["__", "strong"], ["~~", "del"], ["*", "em"], ["_", "em"]];
const isWord = (c: string) => /[\p{L}\p{N}]/u.test(c);

export function inline(text: string, depth = 0): ComponentChildren[] {
  const out: ComponentChildren[] = [];
  const absent = new Set<string>(); // closers that the rest does not have
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) out.push(plain);
    plain = "";
  };
  const put = (node: ComponentChildren, end: number) => {
    flush();
    out.push(node);
    at = end;
  };
  const find = (closer: string, from: number): number => {
    if (absent.has(closer)) return -1;
    const found = text.indexOf(closer, from);
    if (found < 0) absent.add(closer);
    return found;
  };
  scan: while (at < text.length) {
    const c = text.charAt(at);
    if (c === "\n") {
      put(<br />, at + 1);
      continue;
    }
    if (c === "\\" && /[!-/:-@[-`{-~]/.test(text.charAt(at + 1))) {
      plain += text.charAt(at + 1);
      at += 2;
      continue;
    }
    if (c === "`") {
      const ticks = /^`+/.exec(text.slice(at, at + 16))?.[0] ?? "`";
      const end = find(ticks, at + ticks.length);
      if (end >= 0) {
        put(<code>{text.slice(at + ticks.length, end).replace(/^ (.+) $/, "$1")}</code>, end + ticks.length);
      } else {
        plain += ticks;
        at += ticks.length;
      }
      continue;
    }
    if ((c === "[" || (c === "!" && text.charAt(at + 1) === "[")) && depth < maxDepth) {
      const found = linkAt(text, c === "!" ? at + 1 : at);
      if (found) {
        put(link(found.url, inline(found.label || found.url, maxDepth)), found.end);
        continue;
      }
    }
    if (c === "<" || c === "h") {
      const url = /^<?(https?:\/\/[^\s<>"`]{1,2000})>?/.exec(text.slice(at, at + 2010))?.[1];
      if (url && (c === "<" || !isWord(text.charAt(at - 1)))) {
        const shown = c === "<" ? url : url.replace(/[).,;:!?'*_~]+$/, "");
        put(link(shown, shown), at + shown.length + (c === "<" ? 2 : 0));
        continue;
      }
    }
    if (depth < maxDepth) {
      for (const [mark, Tag] of marks) {
        if (!text.startsWith(mark, at)) continue;
        const inside = at + mark.length;
        if (/\s/.test(text.charAt(inside) || " ")) continue;
        if (c === "_" && isWord(text.charAt(at - 1))) continue; // snake_case
        const end = closingMark(text, mark, inside, find);
        if (end < 0) continue;
        put(<Tag>{inline(text.slice(inside, end), depth + 1)}</Tag>, end + mark.length);
        continue scan;
      }
    }
    plain += c;
    ++at;
  }
  flush();
  return out.length > 0 ? out : [<Fragment />];
}

function closingMark(text: string, mark: string, from: number, find: (closer: string, from: number) => number): number {
  let end = find(mark, from + 1);
  for (let tries = 0; end >= 0 && tries < 20; ++tries) {
    const single = mark.length === 1;
    const doubled = single && (text.charAt(end + 1) === mark || text.charAt(end - 1) === mark);
    const spaced = /\s/.test(text.charAt(end - 1));
    const within = mark.startsWith("_") && isWord(text.charAt(end + mark.length));
    if (!doubled && !spaced && !within) return !single && text.charAt(end + 2) === mark.charAt(0) ? end + 1 : end;
    end = find(mark, doubled && text.charAt(end + 1) === mark ? end + 2 : end + 1);
  }
  return -1;
}

function linkAt(text: string, open: number): { label: string; url: string; end: number } | undefined {
  let depth = 0;
  const limit = Math.min(text.length, open + 300);
  for (let i = open; i < limit; ++i) {
    const c = text.charAt(i);
    if (c === "\\") ++i;
    if (c === "[") ++depth;
    if (c !== "]" || --depth > 0) continue;
    const rest = /^\(\s*<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)?)>?(?:\s+"[^"\n]*")?\s*\)/.exec(text.slice(i + 1, i + 2100));
    return rest ? { label: text.slice(open + 1, i), url: rest[1] ?? "", end: i + 1 + rest[0].length } : undefined;
  }
  return undefined;
}
