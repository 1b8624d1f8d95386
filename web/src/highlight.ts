// Tokens of source text by one table of families: comments, strings, numbers, words. Enough to read an answer by; no parser.

export interface Token {
  kind: "" | "comment" | "string" | "number" | "keyword" | "call" | "name" | "added" | "removed";
  text: string;
}

interface Family {
  comment: string; // regular expressions, as text
  string: string;
  keywords: Set<string>;
}

const words = (text: string) => new Set(text.split(" "));
const doubleQuoted = `"(?:[^"\\\\\\n]|\\\\.)*"?`;
const singleQuoted = `'(?:[^'\\\\\\n]|\\\\.)*'?`;

const curly: Family = {
  comment: "//.*|/\\*[^]*?(?:\\*/|$)",
  string: `${doubleQuoted}|'(?:[^'\\\\\\n]|\\\\.)*'|\`(?:[^\`\\\\]|\\\\[^])*\`?`,
  keywords: words(
    "abstract as async auto await bool boolean break case catch char class const constexpr continue default defer delete do " +
      "double else enum export extends extern false final finally float fn for from func function go goto if impl implements import in " +
      "inline instanceof int interface let long loop match mod move mut namespace new nil null nullptr number of operator override " +
      "package private protected pub public ref return self short signed sizeof static string struct super switch template this " +
      "throw trait true try type typedef typename typeof undefined union unsafe unsigned use using val var virtual void volatile " +
      "where while yield",
  ),
};
const hashed: Family = {
  comment: "#.*",
  string: `"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|${doubleQuoted}|${singleQuoted}`,
  keywords: words(
    "and as assert async await begin break case class continue def del do done elif else elsif end ensure esac except export false " +
      "False fi finally for from function global if import in is lambda local module nil None nonlocal not null or pass raise " +
      "require rescue return self set then true True try unless until when while with yield",
  ),
};
const sql: Family = {
  comment: "--.*|/\\*[^]*?(?:\\*/|$)",
  string: singleQuoted,
  keywords: words(
    "add all alter and as asc between by case count create cross default delete desc distinct drop else end exists foreign from " +
      "full group having if in index inner insert into is join key left like limit not null offset on or order outer primary " +
      "references right select set sum table then union unique update using values view when where with",
  ),
};
const lua: Family = {
  comment: "--.*",
  string: `${doubleQuoted}|${singleQuoted}`,
  keywords: words(
    "and break case class data deriving do else elseif end false for function goto if import in instance let local module nil not of or repeat return " +
      "then true type until where while",
  ),
};
const markup: Family = { comment: "<!--[^]*?(?:-->|$)", string: `${doubleQuoted}|'[^'\\n]*'`, keywords: new Set() };

const families: [string, Family][] = [
  ["c cc cpp c++ h hpp java js javascript jsx ts typescript tsx json jsonc rust rs go csharp cs kotlin swift scala dart php css scss zig", curly],
  ["py python rb ruby sh bash zsh shell console yaml yml toml ini make makefile dockerfile cmake perl r julia", hashed],
  ["sql sqlite postgresql mysql", sql],
  ["lua haskell hs elm", lua],
  ["html xml svg", markup],
];

function familyOf(language: string): Family | undefined {
  return families.find(([names]) => names.split(" ").includes(language))?.[1];
}

export function highlight(code: string, language: string): Token[] {
  const name = language.toLowerCase();
  if (name === "diff" || name === "patch") return diff(code);
  const family = familyOf(name);
  if (!family || code.length > 100_000) return [{ kind: "", text: code }];
  const lexer = new RegExp(
    `(${family.comment})|(${family.string})|(\\b(?:0[xX][\\da-fA-F_]+|\\d[\\d_]*(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)\\w*)|` +
      `([A-Za-z_$][\\w$]*)|((?:(?![#/"'\`<-])[^\\w$])+)|([^])`,
    "y",
  );
  const out: Token[] = [];
  const put = (kind: Token["kind"], text: string) => {
    const last = out.at(-1);
    if (last?.kind === kind) last.text += text;
    else out.push({ kind, text });
  };
  for (let match = lexer.exec(code); match; match = lexer.exec(code)) {
    const [text, comment, string, number, word] = match;
    if (comment !== undefined) {
      put("comment", text);
    } else if (string !== undefined) {
      put(/^\s*:/.test(code.slice(lexer.lastIndex, lexer.lastIndex + 8)) && name.startsWith("json") ? "name" : "string", text);
    } else if (number !== undefined) {
      put("number", text);
    } else if (word !== undefined) {
      const known = family.keywords.has(family === sql ? word.toLowerCase() : word);
      const tag = family === markup && /<\/?$/.test(out.at(-1)?.text ?? "");
      put(known || tag ? "keyword" : code.charAt(lexer.lastIndex) === "(" ? "call" : "", text);
    } else {
      put("", text);
    }
  }
  return out;
}

function diff(code: string): Token[] {
  return code.split(/(?<=\n)/).map((text) => ({
    kind: text.startsWith("+") ? "added" : text.startsWith("-") ? "removed" : text.startsWith("@@") ? "name" : "",
    text,
  }));
}
