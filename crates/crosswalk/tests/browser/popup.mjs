// The popup: a tenant's page with the snippet of docs/connect.md opens it, and hears how it ended.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const DOCS = new URL("../../../../docs/connect.md", import.meta.url);
const SNIPPET = /```js\n(async function connectOrg[\s\S]*?)```/.exec(readFileSync(DOCS, "utf8"))[1];

export function popupScenarios({ Visitor, DESKTOP, PHONE, PROVIDER, tenant, gateway, simulator, links, logsIn, app }) {
  const CONNECT = `Connect ${PROVIDER} to ${tenant}`;
  const CONTINUE = `Continue to ${PROVIDER}`;
  const CONNECTED = `${PROVIDER} is connected`;

  // The tenant's page, at the origin that may hear, or at another one.
  const arrives = async (browser, link, { origin = new URL(app).origin, device = DESKTOP, blocked = false } = {}) => {
    const visitor = await Visitor.arrive(browser, device);
    visitor.alsoAllowed.push(origin);
    const body = `<!doctype html><html lang="en"><title>App</title><link rel="icon" href="data:,"><main><h1>App</h1>
      <button>Connect</button><output></output></main><script>${SNIPPET}
      ${blocked ? "window.open = () => null;" : ""}
      document.querySelector("button").onclick = async () => {
        const ended = await connectOrg(${JSON.stringify(link)});
        document.querySelector("output").textContent = JSON.stringify(ended);
      };</script></html>`;
    await visitor.context.route(`${origin}/**`, (route) => route.fulfill({ contentType: "text/html", body }));
    await visitor.opens(`${origin}/back`);
    return visitor;
  };
  const opens = async (visitor) => {
    const [popup] = await Promise.all([visitor.page.waitForEvent("popup"), visitor.page.getByRole("button").click()]);
    await popup.getByRole("heading", { level: 1, name: CONNECT, exact: true }).waitFor();
    return popup;
  };
  const leaves = async (visitor, popup) => {
    const button = popup.getByRole("button", { name: CONTINUE, exact: true });
    const [tab] = await Promise.all([visitor.context.waitForEvent("page"), button.click()]);
    await popup.getByRole("heading", { name: "Go on in the other window" }).waitFor();
    // What the tab was answered before anybody listened to it.
    return Object.assign(new Visitor(visitor.context, tab), { statuses: visitor.statuses });
  };
  const hears = async (visitor) => {
    const output = visitor.page.locator("output");
    await output.getByText("status").waitFor();
    return JSON.parse(await output.textContent());
  };

  return {
    async popup_connected(browser) {
      const visitor = await arrives(browser, links[0]);
      const popup = await opens(visitor);
      const tab = await leaves(visitor, popup);
      await popup.screenshot({ path: visitor.picture("popup-waiting") });
      const closed = popup.waitForEvent("close");
      await logsIn(tab);
      await tab.button("Allow").click();
      await tab.page.getByRole("heading", { level: 1, name: CONNECTED, exact: true }).waitFor();
      const { status, connection_id: id } = await hears(visitor);
      assert.equal(status, "connected");
      assert.match(id, /^con_/);
      await closed;
      await visitor.leaves();
    },

    async popup_denied(browser) {
      const visitor = await arrives(browser, links[0]);
      const popup = await opens(visitor);
      const tab = await leaves(visitor, popup);
      await logsIn(tab);
      await tab.button("Deny").click();
      await tab.page.getByRole("heading", { level: 1, name: `${PROVIDER} was not connected`, exact: true }).waitFor();
      assert.deepEqual(await hears(visitor), { status: "denied", connection_id: null });
      await popup.getByText("You did not allow the access").waitFor();
      await visitor.leaves();
    },

    // The org lacks the app, and the provider keeps the browser.
    async popup_stranded(browser) {
      const visitor = await arrives(browser, links[0], { device: PHONE });
      const popup = await opens(visitor);
      await popup.clock.install();
      const tab = await leaves(visitor, popup);
      await tab.page.waitForURL(`${simulator}/setup/secur/RemoteAccessErrorPage.apexp**`);
      assert.ok(await popup.getByText("has to install it").isHidden(), "not told at once");
      await popup.clock.fastForward(70_000);
      await popup.getByText("a Salesforce administrator has to install it first").waitFor();
      await popup.screenshot({ path: visitor.picture("admin-must-install-phone") });
      // Whoever goes back to the link finds the same, in this browser only.
      await tab.page.goto(links[0]);
      await tab.sees(`${PROVIDER} is not connected yet`, { status: 409 });
      await tab.reads("You went on to Salesforce from here", "has to install it first");
      await tab.shoots("unfinished-phone");
      const stranger = await Visitor.arrive(browser, DESKTOP);
      await stranger.opens(links[0]);
      await stranger.sees("This link does not work any more", { status: 404 });
      await stranger.leaves();
      await visitor.leaves();
    },

    async popup_closed(browser) {
      const visitor = await arrives(browser, links[0]);
      const popup = await opens(visitor);
      await popup.close();
      assert.deepEqual(await hears(visitor), { status: "closed", connection_id: null });
      await visitor.leaves();
    },

    // A browser that lets no popup open goes the whole way in one window.
    async popup_blocked(browser) {
      const visitor = await arrives(browser, links[0], { blocked: true });
      await visitor.page.getByRole("button").click();
      await visitor.sees(CONNECT, { ownScripts: 1 });
      await visitor.button(CONTINUE).click();
      await logsIn(visitor);
      await visitor.button("Allow").click();
      await visitor.page.waitForURL(`${app}?**`);
      const { searchParams } = new URL(visitor.page.url());
      assert.equal(searchParams.get("status"), "connected");
      await visitor.leaves();
    },

    // Somebody else's page opens the link: it hears nothing.
    async popup_of_a_stranger(browser) {
      const visitor = await arrives(browser, links[0], { origin: "http://127.0.0.1:47998" });
      const popup = await opens(visitor);
      const told = [];
      await visitor.page.exposeFunction("told", (text) => told.push(text));
      await visitor.page.evaluate(() => addEventListener("message", (event) => globalThis.told(JSON.stringify(event.data))));
      const tab = await leaves(visitor, popup);
      const closed = popup.waitForEvent("close");
      await logsIn(tab);
      await tab.button("Allow").click();
      await tab.page.getByRole("heading", { level: 1, name: CONNECTED, exact: true }).waitFor();
      await closed;
      await visitor.page.getByText('"status":"closed"').waitFor();
      assert.deepEqual(told, []);
      // The browser's own word that it dropped the message.
      const dropped = visitor.errors.splice(0);
      assert.equal(dropped.length, 1, `${dropped}`);
      assert.match(dropped[0], /does not match the recipient window's origin/);
      await visitor.leaves();
    },
  };
}
