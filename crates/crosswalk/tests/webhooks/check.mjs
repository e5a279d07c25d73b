// Every webhook that the tests' receivers were sent, verified by the reference library of Standard Webhooks: with each of
// its secrets, and no longer once a byte of it has changed. `./test` runs it after the tests.
//
//   node check.mjs FOLDER FILE    FOLDER holds the library's node_modules; FILE is what the receivers wrote

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, file] = process.argv.slice(2);
const { Webhook } = createRequire(`${resolve(folder)}/`)("standardwebhooks");

const verifies = (secret, body, headers) => {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
};

// The library refuses what is older than five minutes; the tests may have taken longer.
const at = (headers) => {
  const sentAtMs = Number(headers["webhook-timestamp"]) * 1000;
  Date.now = () => sentAtMs;
};

const messages = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
let wrong = 0;
for (const { secrets, headers, body } of messages) {
  at(headers);
  const isGood =
    secrets.every((secret) => verifies(secret, body, headers)) &&
    !verifies(secrets[0], `${body} `, headers) &&
    !verifies("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", body, headers);
  if (!isGood) {
    wrong += 1;
    console.error(`not as the library has it: ${JSON.stringify(headers)}`);
  }
}
console.log(`${messages.length} webhooks verified by the reference library, ${wrong} wrong`);
process.exit(wrong === 0 && messages.length > 0 ? 0 : 1);
