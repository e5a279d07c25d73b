// A real browser on the pages that people see.
// Usage: node pages.mjs JSON, with {scenario, gateway, simulator, tenant, links, username, password, screenshots, app} in the JSON;
// CHROMIUM names the browser, NODE_PATH the folder with playwright-core. Ends with "ok", or with what was wrong.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

import { mappingScenarios } from "./mapping.mjs";
import { popupScenarios } from "./popup.mjs";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = require("axe-core");
const { scenario, gateway, simulator, tenant, links, username, password, screenshots, app } = JSON.parse(process.argv[2]);

const PROVIDER = "Salesforce";
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
// The narrowest that WCAG 2.2 asks for (1.4.10, reflow).
const NARROWEST = { ...PHONE, viewport: { width: 320, height: 568 } };
// WCAG 2.2, 1.4.3: text against its ground.
const CONTRAST_MIN = 4.5;
const STEP_MS = 20_000;

// ---- a visitor: one browser context that notes whatever goes wrong in it --------------------------------------------

class Visitor {
  static async arrive(browser, options) {
    const context = await browser.newContext({ colorScheme: "light", ...options });
    context.setDefaultTimeout(STEP_MS);
    return new Visitor(context, await context.newPage());
  }

  constructor(context, page) {
    Object.assign(this, { context, page, errors: [], statuses: new Map(), alsoAllowed: [] });
    context.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (![gateway, simulator, ...this.alsoAllowed].includes(origin)) this.errors.push(`a request to ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.request().isNavigationRequest()) this.statuses.set(response.url(), response.status());
    });
    page.on("pageerror", (error) => this.errors.push(`a script failed: ${error}`));
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      // The browser's own note that a page has an error status; `sees` holds pages to theirs.
      const status = /^Failed to load resource: the server responded with a status of (\d+)/.exec(message.text())?.[1];
      const { url } = message.location();
      if (status && this.statuses.get(url) === Number(status)) return;
      // A provider's page is not ours to draw an icon for.
      if (status === "404" && url === `${simulator}/favicon.ico`) return;
      this.errors.push(`${message.type()} in the console: ${message.text()} (${url})`);
    });
  }

  // Waits for the page with this heading and holds it to what every page must keep.
  async sees(title, { origin = gateway, status = 200, heading = title, ownScripts = 0 } = {}) {
    const { page } = this;
    await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
    assert.equal(new URL(page.url()).origin, origin, `where "${title}" is shown`);
    assert.equal(this.statuses.get(page.url()), status, `status of "${title}"`);
    const { scripts, mains, headings, language, content, width } = await page.evaluate(() => ({
      scripts: document.scripts.length,
      mains: document.querySelectorAll("main").length,
      headings: document.querySelectorAll("h1").length,
      language: document.documentElement.lang,
      content: document.documentElement.scrollWidth,
      width: document.documentElement.clientWidth,
    }));
    assert.deepEqual({ scripts, mains, headings, language }, { scripts: ownScripts, mains: 1, headings: 1, language: "en" }, title);
    assert.ok(content <= width, `"${title}" scrolls sideways: ${content} px in ${width} px`);
    if (origin === gateway) {
      assert.equal(await page.title(), title);
      await this.#isReadable(title);
    }
  }

  // What axe-core finds in the accessibility tree, every rule of WCAG 2.2 A and AA and its best practices.
  async isAccessible(title) {
    await this.page.evaluate(axe.source);
    const { violations } = await this.page.evaluate(() =>
      globalThis.axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        rules: { "landmark-one-main": { enabled: true } },
      }),
    );
    const told = violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) }));
    assert.deepEqual(told, [], `not accessible: "${title}"`);
  }

  // Every text against the first ground behind it that is painted.
  async #isReadable(title) {
    const faint = await this.page.evaluate((least) => {
      const channels = (color) => color.match(/[\d.]+/g).map(Number);
      const luminance = (color) => {
        const [red, green, blue] = channels(color).map((value) => {
          const share = value / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const ground = (element) => {
        const { backgroundColor } = getComputedStyle(element);
        const isPainted = (channels(backgroundColor)[3] ?? 1) === 1;
        return isPainted ? backgroundColor : ground(element.parentElement);
      };
      const texts = [...document.body.querySelectorAll("*")].filter((element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()),
      );
      return texts
        .map((element) => {
          const [dark, light] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => a - b);
          return { text: element.textContent.trim().slice(0, 40), contrast: (light + 0.05) / (dark + 0.05) };
        })
        .filter(({ contrast }) => !(contrast >= least));
    }, CONTRAST_MIN);
    assert.deepEqual(faint, [], `hard to read on "${title}"`);
  }

  async reads(...texts) {
    const shown = (await this.page.getByRole("main").innerText()).replace(/\s+/g, " ");
    for (const text of texts) assert.ok(shown.includes(text), `"${text}" is not in: ${shown}`);
  }

  // Lightness of the page's ground, 0 to 255.
  async brightness() {
    const colors = await this.page.evaluate(() =>
      ["body", "main"].map((name) => getComputedStyle(document.querySelector(name)).backgroundColor),
    );
    return Math.max(...colors.flatMap((color) => color.match(/\d+/g).slice(0, 3).map(Number)));
  }

  // Tab, `stops` times, which must lead to this control and show that it did.
  async tabTo(control, stops) {
    for (let stop = 0; stop < stops; stop++) await this.page.keyboard.press("Tab");
    const found = await control.evaluate((element) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      const { activeElement } = document;
      return { isFocused: element === activeElement, active: activeElement?.outerHTML.slice(0, 80), outlineStyle, outlineWidth };
    });
    assert.ok(found.isFocused, `Tab ${stops} times leads to ${found.active}`);
    assert.ok(found.outlineStyle !== "none" && parseFloat(found.outlineWidth) >= 2, `focus cannot be seen: ${JSON.stringify(found)}`);
  }

  // Tab until this control has the focus, and shows it.
  async tabsOnTo(control, most) {
    for (let stop = 0; stop < most; stop++) {
      if (await control.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press("Tab");
    }
    await this.tabTo(control, 0);
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  async opens(url) {
    await this.page.goto(url);
  }

  picture(name) {
    return path.join(screenshots, `${name}.png`);
  }

  async shoots(name) {
    await this.page.screenshot({ path: this.picture(name) });
  }

  async leaves() {
    await this.context.close();
    assert.deepEqual(this.errors, []);
  }
}

// ---- parts of journeys ---------------------------------------------------------------------------------------------

const atLogin = { origin: simulator };
const CONNECT = `Connect ${PROVIDER} to ${tenant}`;
const CONTINUE = `Continue to ${PROVIDER}`;
const CONNECTED = `${PROVIDER} is connected`;
const LINK_OVER = "This link does not work any more";
const NOT_THIS_JOURNEY = "This attempt cannot be continued";

async function logsIn(visitor) {
  await visitor.sees("Log in", atLogin);
  await visitor.page.getByLabel("Username").fill(username);
  await visitor.page.getByLabel("Password").fill(password);
  await visitor.button("Log in").click();
  await visitor.sees("Allow access?", atLogin);
}

async function reachesConsent(visitor, link) {
  await visitor.opens(link);
  await visitor.sees(CONNECT);
  await visitor.button(CONTINUE).click();
  await logsIn(visitor);
}

async function tokenPosts() {
  const reply = await fetch(`${simulator}/__control/counters`);
  assert.equal(reply.status, 200);
  const { token_posts: posts } = await reply.json();
  return Object.values(posts).reduce((sum, count) => sum + count, 0);
}

// ---- scenarios -----------------------------------------------------------------------------------------------------

const scenarios = {
  // Nothing but a keyboard, from the link to the end.
  async keyboard(browser) {
    const visitor = await Visitor.arrive(browser, DESKTOP);
    await visitor.opens(links[0]);
    await visitor.sees(CONNECT);
    await visitor.reads(
      `${tenant} asks for access to your ${PROVIDER} account.`,
      `read the records and fields that your ${PROVIDER} user can see`,
      "create, change and delete records where your user may",
      "do so while you are not logged in, until you take the access back",
      "You log in at 127.0.0.1",
      "refresh_token",
      `Your password is entered at ${PROVIDER} only`,
    );
    assert.ok((await visitor.brightness()) > 230, "light is light");
    await visitor.shoots("connect");
    await visitor.tabTo(visitor.button(CONTINUE), 1);
    await visitor.page.keyboard.press("Enter");

    await visitor.sees("Log in", atLogin);
    await visitor.tabTo(visitor.page.getByLabel("Username"), 1);
    await visitor.page.keyboard.type(username);
    await visitor.tabTo(visitor.page.getByLabel("Password"), 1);
    await visitor.page.keyboard.type(password);
    await visitor.tabTo(visitor.button("Log in"), 1);
    await visitor.page.keyboard.press("Enter");

    await visitor.sees("Allow access?", atLogin);
    await visitor.tabTo(visitor.button("Allow"), 1);
    await visitor.page.keyboard.press("Enter");

    await visitor.sees(CONNECTED);
    await visitor.reads("Everything is set up.", "You may close this page.");
    await visitor.shoots("connected");
    await visitor.leaves();
    assert.equal(await tokenPosts(), 1, "one code, one exchange");
  },

  // A finger, in the dark, a tenant whose name is as long and as hostile as names get.
  async phone(browser) {
    const narrow = await Visitor.arrive(browser, { ...NARROWEST, colorScheme: "dark" });
    await narrow.opens(links[0]);
    await narrow.sees(CONNECT);
    await narrow.leaves();

    const visitor = await Visitor.arrive(browser, { ...PHONE, colorScheme: "dark" });
    await visitor.opens(links[0]);
    await visitor.sees(CONNECT);
    await visitor.reads(tenant);
    assert.ok((await visitor.brightness()) < 60, "dark is dark");
    const { height } = await visitor.button(CONTINUE).boundingBox();
    assert.ok(height >= 44, `a button of ${height} px is hard to hit`);
    await visitor.button(CONTINUE).tap();
    await logsIn(visitor);
    await visitor.button("Allow").tap();
    await visitor.sees(CONNECTED);
    assert.ok((await visitor.brightness()) < 60, "dark is dark");
    await visitor.shoots("connected-phone-dark");
    await visitor.leaves();
  },

  // Where to log in is the person's to say, by keyboard, and to say again when it was the wrong place.
  async environment(browser) {
    const visitor = await Visitor.arrive(browser, PHONE);
    const { keyboard } = visitor.page;
    await visitor.opens(links[0]);
    await visitor.sees(CONNECT);
    await visitor.isAccessible("connect, environment open");
    await visitor.reads("Where do you log in?", "Production at 127.0.0.1", "Sandbox at test.salesforce.com", "My Domain at a host of your own");
    const radio = (name) => visitor.page.getByRole("radio", { name });
    assert.ok(await radio("Production").isChecked());
    await visitor.shoots("environment-phone");
    await visitor.tabTo(radio("Production"), 1);
    await keyboard.press("ArrowDown");
    await keyboard.press("ArrowDown");
    assert.ok(await radio("My Domain").isChecked());
    const host = visitor.page.getByRole("textbox", { name: "Host of My Domain" });
    await visitor.tabTo(host, 1);
    await keyboard.type("evil.example");
    await keyboard.press("Enter");
    await visitor.page.getByRole("alert").getByText("That is not a host where one logs in.").waitFor();
    await visitor.sees(CONNECT, { status: 422 });
    await visitor.isAccessible("connect, wrong host");
    assert.ok(await radio("My Domain").isChecked(), "what was chosen stays");
    assert.equal(await host.inputValue(), "evil.example");
    // The test's gateway allows the simulator in place of a host of the provider's.
    await host.fill(simulator);
    await visitor.button(CONTINUE).click();
    await logsIn(visitor);
    await visitor.button("Deny").click();
    await visitor.sees(`${PROVIDER} was not connected`);
    await visitor.isAccessible("not connected");
    const again = visitor.page.getByRole("link", { name: "Choose the environment again" });
    await visitor.tabTo(again, 1);
    const ending = visitor.page.url();
    await keyboard.press("Enter");
    await visitor.sees(CONNECT);
    const renewed = visitor.page.url();
    assert.notEqual(renewed, links[0]);
    await radio("Production").check();
    await visitor.button(CONTINUE).click();
    await logsIn(visitor);
    await visitor.button("Allow").click();
    await visitor.sees(CONNECTED);
    // Neither the first link nor the second, nor the ending, leads anywhere any more.
    for (const link of [links[0], renewed]) {
      await visitor.opens(link);
      await visitor.sees(LINK_OVER, { status: 404 });
    }
    await visitor.opens(ending);
    await visitor.sees(NOT_THIS_JOURNEY, { status: 400 });
    assert.equal(await visitor.page.getByRole("link").count(), 0);
    await visitor.leaves();
  },

  // As on a phone, with a name as people have.
  async portrait(browser) {
    for (const colorScheme of ["light", "dark"]) {
      const visitor = await Visitor.arrive(browser, { ...PHONE, colorScheme });
      await visitor.opens(links[0]);
      await visitor.sees(CONNECT);
      await visitor.shoots(`connect-phone-${colorScheme}`);
      await visitor.leaves();
    }
  },

  async denied(browser) {
    const visitor = await Visitor.arrive(browser, PHONE);
    await reachesConsent(visitor, links[0]);
    await visitor.tabTo(visitor.button("Deny"), 2);
    await visitor.page.keyboard.press("Enter");
    await visitor.sees(`${PROVIDER} was not connected`);
    await visitor.reads("You did not allow the access.");
    await visitor.shoots("denied-phone");
    await visitor.leaves();
    assert.equal(await tokenPosts(), 0, "nothing is exchanged after a no");
  },

  // The provider refuses the code: a page with a way back to the tenant's own.
  async refused(browser) {
    const visitor = await Visitor.arrive(browser, PHONE);
    await reachesConsent(visitor, links[0]);
    await visitor.button("Allow").click();
    await visitor.sees(`${PROVIDER} could not be connected`, { status: 502 });
    await visitor.reads(`${PROVIDER} did not complete the connection.`);
    const back = visitor.page.getByRole("link", { name: "Go back", exact: true });
    assert.equal(await back.getAttribute("href"), "http://127.0.0.1:9/back?status=failed");
    await visitor.tabTo(back, 1);
    await visitor.shoots("failed-phone");
    await visitor.leaves();
  },

  // Everything that was used is opened once more: the link, the button of a page left open, the way back.
  async replayed(browser) {
    const visitor = await Visitor.arrive(browser, DESKTOP);
    const open = await Visitor.arrive(browser, DESKTOP);
    await open.opens(links[0]);
    await open.sees(CONNECT);

    await reachesConsent(visitor, links[0]);
    await visitor.button("Allow").click();
    await visitor.sees(CONNECTED);
    const callback = visitor.page.url();
    assert.equal(await tokenPosts(), 1);

    await visitor.opens(links[0]);
    await visitor.sees(LINK_OVER, { status: 404 });
    await visitor.reads("work once and for a short time", "ask for a new one", "You may close this page.");
    await visitor.shoots("link-over");
    await open.button(CONTINUE).click();
    await open.sees(LINK_OVER, { status: 404 });
    await open.opens(`${gateway}/connect/never-given-out`);
    await open.sees(LINK_OVER, { status: 404 });
    await visitor.opens(callback);
    await visitor.sees(NOT_THIS_JOURNEY, { status: 400 });
    await visitor.reads("It was finished already, took too long, or was begun in another browser.", "Nothing was connected by this page.");
    await open.leaves();
    await visitor.leaves();
    assert.equal(await tokenPosts(), 1, "no page opened again asks for a token");
  },

  // Somebody sends the way back of a journey of their own to another person, who has nothing (links[1] is theirs) or a
  // journey of their own under way.
  async stolen(browser) {
    for (const [link, hasOwnJourney] of [[links[0], false], [links[1], true]]) {
      const sender = await Visitor.arrive(browser, DESKTOP);
      await reachesConsent(sender, link);
      let callback;
      // The provider's answer to Allow, caught before the browser follows it.
      await sender.context.route(`${simulator}/setup/**`, async (route) => {
        const answer = await route.fetch({ maxRedirects: 0 });
        callback = answer.headers().location;
        await route.fulfill({ contentType: "text/html", body: "<h1>caught</h1>" });
      });
      await sender.button("Allow").click();
      await sender.page.getByRole("heading", { name: "caught" }).waitFor();
      await sender.context.unrouteAll();
      assert.ok(callback.startsWith(`${gateway}/oauth/callback/`), callback);
      assert.ok(new URL(callback).searchParams.get("code"), callback);

      const other = await Visitor.arrive(browser, DESKTOP);
      if (hasOwnJourney) await reachesConsent(other, links[2]);
      await other.opens(callback);
      await other.sees(NOT_THIS_JOURNEY, { status: 400 });
      await other.reads("was begun in another browser", "stay in one browser");
      if (!hasOwnJourney) await other.shoots("other-browser");
      await other.leaves();

      // Seen by another browser, the code is nobody's any more.
      await sender.opens(callback);
      await sender.sees(NOT_THIS_JOURNEY, { status: 400 });
      await sender.leaves();
      assert.equal(await tokenPosts(), 0, "no code of another browser's is exchanged");
    }
  },

  ...popupScenarios({ Visitor, DESKTOP, PHONE, PROVIDER, tenant, gateway, simulator, links, logsIn, app }),

  ...mappingScenarios({ Visitor, DESKTOP, PHONE, NARROWEST, PROVIDER, tenant, gateway, links, logsIn, reachesConsent }),

  async docs(browser) {
    for (const [device, colorScheme, name] of [[DESKTOP, "light", "docs"], [PHONE, "dark", "docs-phone-dark"]]) {
      const visitor = await Visitor.arrive(browser, { ...device, colorScheme });
      await visitor.opens(`${gateway}/docs`);
      const title = await visitor.page.title();
      await visitor.page.getByText("GET /unified/crm/{resource}", { exact: true }).waitFor();
      const { content, width, broken } = await visitor.page.evaluate(() => ({
        content: document.documentElement.scrollWidth,
        width: document.documentElement.clientWidth,
        // One word each: on two lines it has been cut.
        broken: [...document.querySelectorAll("th, td:nth-child(2)")]
          .filter((cell) => /^\w+$/.test(cell.textContent) && cell.clientHeight > 0)
          .filter((cell) => {
            const range = document.createRange();
            range.selectNodeContents(cell);
            return new Set([...range.getClientRects()].map((line) => line.top)).size > 1;
          })
          .map((cell) => cell.textContent),
      }));
      assert.deepEqual([...new Set(broken)], [], `words cut in tables of "${title}"`);
      assert.ok(content <= width, `"${title}" scrolls sideways: ${content} px in ${width} px`);
      await visitor.shoots(name);
      await visitor.page.getByRole("link", { name: "the list of codes" }).click();
      await visitor.page.getByRole("heading", { name: "Errors", exact: true }).waitFor();
      assert.equal(new URL(visitor.page.url()).hash, "#errors");
      await visitor.leaves();
    }
  },
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  // A name that is not an address is not looked up: a page that asked for one would be told so in the console.
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});
try {
  await scenarios[scenario](browser);
} finally {
  await browser.close();
}
console.log("ok");
