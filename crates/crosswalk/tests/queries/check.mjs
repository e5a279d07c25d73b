// Every statement that the simulated orgs of a test run were asked, read by parsers that are not ours: each must be a
// statement to them, and hold the texts that the simulator read of it. `./test` runs it after the tests.
//
//   node check.mjs FOLDER FILE    FOLDER holds the parsers' node_modules; FILE is what the simulator's query log wrote
//
// SOQL is read by both parsers, SOSL by the one that knows it. What each does not know of the languages is listed in
// GAPS, and nothing else is forgiven.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, file] = process.argv.slice(2);
const load = createRequire(`${resolve(folder)}/`);
const { parseQuery } = load("@jetstreamapp/soql-parser-js");
const { ApexErrorListener, ApexLexer, ApexParserFactory } = load("@apexdevtools/apex-parser");

const GAPS = [
  {
    parser: "soql-parser-js",
    reason: "its token of a text ends at the line separators U+2028 and U+2029, which mean nothing to SOQL",
    applies: (text) => /[\u2028\u2029]/.test(text),
  },
  {
    parser: "apex-parser",
    reason: "two letters of the private area stand for what it does not know; a text that holds them itself is not shown to it",
    applies: (text) => /[\ue000\ue001]/.test(text),
  },
];

class Listener extends ApexErrorListener {
  errors = [];
  apexSyntaxError(line, column, message) {
    this.errors.push(`${line}:${column} ${message}`);
  }
}

// Apex code is what this parser reads, where `\%` and `\_`, which LIKE gives a meaning, are no escapes: letters of the
// private area stand for them while it reads.
const WILDCARDS = { "%": "\ue000", _: "\ue001" };
const marked = (text) => text.replace(/\\([^])/g, (pair, escaped) => WILDCARDS[escaped] ?? pair);
const unmarked = (text) => text.replaceAll("\ue000", "\\%").replaceAll("\ue001", "\\_");

function apex(text, rule) {
  const listener = new Listener();
  const { lexer, parser } = ApexParserFactory.createLexerAndParser(marked(text), listener);
  parser[rule]();
  if (parser.getCurrentToken().type !== -1) listener.errors.push(`rest: ${parser.getCurrentToken().text}`);
  if (listener.errors.length > 0) throw new Error(listener.errors.join("; "));
  const tokens = parser.getTokenStream().tokens;
  const texts = tokens.filter((token) => token.type === ApexLexer.StringLiteral).map((token) => token.text);
  const find = tokens.find((token) => token.type === ApexLexer.FindLiteralAlt);
  const term = find?.text.replace(/^\[\s*find\s*\{/i, "").replace(/\}$/, "");
  return { texts: texts.map((quoted) => unmarked(decoded(quoted))), term: term && unmarked(term) };
}

// Every text of what the other parser answers, wherever it stands.
function quoted(value) {
  if (typeof value === "string") return /^'[^]*'$/.test(value) ? [value] : [];
  return value && typeof value === "object" ? Object.values(value).flatMap(quoted) : [];
}

const LETTERS = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

// The text that a quoted one stands for; `\%` and `\_` stay as they are, as in the log.
function decoded(quoted) {
  return quoted.slice(1, -1).replace(/\\(?:u([0-9a-fA-F]{4})|([^]))/g, (pair, code, letter) => {
    if (code) return String.fromCharCode(parseInt(code, 16));
    return letter === "%" || letter === "_" ? pair : (LETTERS[letter.toLowerCase()] ?? letter);
  });
}

const READERS = {
  soql: [
    ["soql-parser-js", (text) => ({ texts: quoted(parseQuery(text, { allowApexBindVariables: false })).map((text) => decoded(text)) })],
    ["apex-parser", (text) => apex(text, "query")],
  ],
  sosl: [["apex-parser", (text) => apex(`[${text}]`, "soslLiteralAlt")]],
};

// Orgs of hundreds of fields are asked for all of them again and again: a list that is nothing but names is read whole once,
// and in the statements that share it one name stands for it. In SOSL one stands for it always: the parser's time grows with a
// power of the list's length, and a few hundred names do not end.
const NAMES = String.raw`[A-Za-z]\w*(?:\.[A-Za-z]\w*)*(?:, [A-Za-z]\w*(?:\.[A-Za-z]\w*)*){100,}`;
const LONG_LIST = { soql: new RegExp(`(?<=^SELECT )${NAMES}(?= FROM )`), sosl: new RegExp(`(?<=RETURNING \\w+\\()${NAMES}(?= |\\))`) };
const lists = new Set();
function shortened(language, text) {
  const list = LONG_LIST[language].exec(text)?.[0];
  if (list && (language === "sosl" || lists.has(list))) return text.replace(list, "Id");
  lists.add(list);
  return text;
}

const sorted = (texts) => JSON.stringify([...texts].sort());
const seen = new Set();
const counts = {};
const wrong = [];
for (const line of readFileSync(file, "utf8").split("\n").filter(Boolean)) {
  if (seen.has(line)) continue;
  seen.add(line);
  const { language, text, texts, term, refused } = JSON.parse(line);
  const tell = (parser, what) => wrong.push(`${language}, ${parser}: ${what}\n    ${text.slice(0, 2000)}`);
  if (refused !== undefined) tell("the simulator", refused);
  let readers = 0;
  const shown = shortened(language, text);
  for (const [parser, read] of READERS[language]) {
    if (GAPS.some((gap) => gap.parser === parser && gap.applies(text))) continue;
    readers += 1;
    try {
      const found = read(shown);
      if (texts && sorted(found.texts) !== sorted(texts)) tell(parser, `texts ${sorted(found.texts)}, not ${sorted(texts)}`);
      if (term && found.term !== term) tell(parser, `term ${found.term}, not ${term}`);
    } catch (error) {
      tell(parser, error.message);
    }
  }
  if (readers === 0) tell("none", "no parser reads this");
  counts[language] = (counts[language] ?? 0) + 1;
}
for (const told of wrong.slice(0, 20)) console.log(told);
console.log(`${counts.soql ?? 0} SOQL and ${counts.sosl ?? 0} SOSL statements read by other parsers, ${wrong.length} of them otherwise`);
// A run that recorded nothing has checked nothing.
process.exit(wrong.length === 0 && counts.soql > 0 && counts.sosl > 0 ? 0 : 1);
