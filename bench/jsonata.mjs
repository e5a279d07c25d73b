// The published mapping on jsonata-js: page bytes in, mapped bytes out.
// usage: node jsonata.mjs MODULES MAPPING ROUNDS PAGE…    prints {"<page>": {"us": median, "answer": …}, …}
// MODULES is a folder in which npm installed jsonata; MAPPING a file with the expression.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, mapping, rounds, ...pages] = process.argv.slice(2);
const jsonata = createRequire(join(modules, 'here.js'))('jsonata');

const expression = jsonata(readFileSync(mapping, 'utf8'));
// The one function that the mapping takes from elsewhere.
expression.registerFunction('removeEmptyItems', (items) => (items ?? []).filter((item) => item !== null && item !== undefined && item !== ''));

async function once(bytes) {
  const page = JSON.parse(bytes.toString('utf8'));
  const result = await expression.evaluate({ response: page.records }, { response: page.records });
  return JSON.stringify({ result, result_count: page.records.length });
}

const out = {};
for (const path of pages) {
  const bytes = readFileSync(path);
  const answer = JSON.parse(await once(bytes));
  const took = [];
  const started = process.hrtime.bigint();
  // As many as the rounds asked for, and no fewer than a second's worth, so that the compiler has done its work.
  while (took.length < Number(rounds) || process.hrtime.bigint() - started < 1_000_000_000n) {
    const before = process.hrtime.bigint();
    await once(bytes);
    took.push(Number(process.hrtime.bigint() - before) / 1000);
  }
  const steady = took.slice(Math.floor(took.length / 4)).sort((a, b) => a - b);
  out[path] = { us: steady[Math.floor(steady.length / 2)], answer };
}
console.log(JSON.stringify(out));
