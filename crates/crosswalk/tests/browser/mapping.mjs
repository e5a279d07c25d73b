// The mapping page, as the people who use it have it: by keyboard, without a script, on a phone, with 800 fields.
import assert from "node:assert/strict";

const LIVE_MS = 20_000;
// The label of a field in the org, letter for letter.
const HOSTILE = '<img src=x onerror=alert(1)>"&amp;</option></datalist><script>alert(2)</script>';

export function mappingScenarios({ Visitor, DESKTOP, PHONE, NARROWEST, PROVIDER, tenant, gateway, links, reachesConsent }) {
  const TITLE = `Choose ${PROVIDER} fields for ${tenant}`;
  const SAVED = "Your choices are saved";
  const OVER = "This page is over";
  const form = { ownScripts: 1 };

  const input = (visitor, label) => visitor.page.getByRole("combobox", { name: label, exact: true });
  const preview = (visitor) => visitor.page.locator("#preview");
  const row = (visitor, name) => preview(visitor).getByRole("row").filter({ has: visitor.page.getByText(name, { exact: true }) });

  // From a link to the open form.
  async function opens(visitor, link) {
    await visitor.opens(link);
    await visitor.sees(TITLE);
    await visitor.button("Open the page").click();
    await visitor.sees(TITLE, form);
  }

  return {
    // From connecting to the saved choices, with nothing but a keyboard.
    async mapping_keyboard(browser) {
      const visitor = await Visitor.arrive(browser, DESKTOP);
      const { keyboard } = visitor.page;
      await reachesConsent(visitor, links[0]);
      await visitor.button("Allow").press("Enter");
      await visitor.sees(`${PROVIDER} is connected`);
      await visitor.isAccessible("connected");
      await visitor.tabTo(visitor.page.getByRole("link", { name: "Choose fields" }), 1);
      await keyboard.press("Enter");
      await visitor.sees(TITLE);
      await visitor.reads("Here you say which of your", "The link works once, in one browser.");
      await visitor.isAccessible("entrance");
      await visitor.shoots("mapping-link");
      await visitor.tabTo(visitor.button("Open the page"), 1);
      await keyboard.press("Enter");
      await visitor.sees(TITLE, form);

      // Contacts are one of several kinds of records.
      const contacts = visitor.page.getByRole("navigation").getByRole("link", { name: "Contacts" });
      await visitor.tabsOnTo(contacts, 20);
      await keyboard.press("Enter");
      await visitor.page.getByRole("group", { name: `Contacts of ${tenant}` }).waitFor();
      await visitor.sees(TITLE, form);
      assert.equal(await contacts.getAttribute("aria-current"), "page");
      await visitor.isAccessible("mapping page");

      // The first stop skips to the form.
      await visitor.tabTo(visitor.page.getByRole("link", { name: "Skip to the fields" }), 1);
      await keyboard.press("Enter");
      const department = input(visitor, "Department department");
      await visitor.tabsOnTo(department, 60);
      const before = visitor.page.url();
      await keyboard.type("Original Lead Source");
      await keyboard.press("Tab");
      // The preview follows by itself, and tells so.
      await row(visitor, "department").getByText(/^changed, was/).waitFor({ timeout: LIVE_MS });
      assert.equal(await preview(visitor).getAttribute("aria-live"), "polite");
      assert.equal(visitor.page.url(), before);
      assert.equal(await department.inputValue(), "Original Lead Source", "what is typed stays");
      await visitor.page.evaluate(() => scrollTo(0, 0));
      await visitor.shoots("mapping");

      // A mistake is told where it is.
      const birthday = input(visitor, "Birthday birthday");
      await visitor.tabsOnTo(birthday, 60);
      await keyboard.type("LTV_Score__c");
      await visitor.tabsOnTo(visitor.button("Save and finish"), 120);
      await keyboard.press("Enter");
      await visitor.sees(`Not saved: ${TITLE}`, { ...form, heading: TITLE, status: 422 });
      const alert = visitor.page.getByRole("alert");
      assert.match(await alert.innerText(), /Nothing was saved.*birthday: It takes a day; LTV_Score__c holds a number\./s);
      assert.equal(await birthday.getAttribute("aria-invalid"), "true");
      await visitor.isAccessible("mapping page with a mistake");
      await visitor.shoots("mapping-mistake");
      await visitor.tabsOnTo(alert.getByRole("link", { name: "birthday" }), 10);
      await keyboard.press("Enter");
      await visitor.page.waitForFunction(() => document.activeElement?.id === "pick-birthday");
      await keyboard.press("Control+A");
      await keyboard.press("Delete");

      // A name of their own.
      await visitor.tabsOnTo(visitor.page.getByRole("textbox", { name: "New name 1", exact: true }), 60);
      await keyboard.type("ltv");
      await visitor.tabTo(input(visitor, "Your field for new name 1"), 1);
      await keyboard.type("LTV_Score__c");
      await keyboard.press("Tab");
      await row(visitor, "ltv").waitFor({ timeout: LIVE_MS });
      await visitor.page.waitForFunction(() => !document.querySelector("#preview[aria-busy]"));
      assert.equal(await birthday.getAttribute("aria-invalid"), null, "what was corrected is no longer told");
      assert.equal(await visitor.page.locator(".pick .error").count(), 0);
      await visitor.tabsOnTo(visitor.button("Save and finish"), 120);
      await keyboard.press("Enter");
      await visitor.sees(SAVED);
      await visitor.isAccessible("saved");
      await visitor.opens(`${gateway}/connect/mapping`);
      await visitor.sees(OVER, { status: 410 });
      await visitor.isAccessible("over");
      await visitor.leaves();
    },

    // Every step is a form.
    async mapping_without_script(browser) {
      const visitor = await Visitor.arrive(browser, { ...DESKTOP, javaScriptEnabled: false });
      await opens(visitor, links[0]);
      await input(visitor, "Department department").fill("Shoe size");
      await visitor.button("Show preview").click();
      await visitor.page.getByText("There is no field `Shoe size`").first().waitFor();
      await input(visitor, "Department department").fill("Original Lead Source");
      await visitor.page.getByRole("textbox", { name: "Find by label or name" }).fill("seats");
      await visitor.button("Find").click();
      await visitor.page.getByText("1 of 1 fields shown.").waitFor();
      assert.equal(await input(visitor, "Department department").inputValue(), "Lead_Source__c", "the field that the label is of");
      await row(visitor, "department").getByText(/^changed, was/).waitFor();
      await visitor.button("Add a further field").click();
      await visitor.page.getByRole("textbox", { name: "New name 3", exact: true }).fill("seats");
      await input(visitor, "Your field for new name 3").fill("Seats__c");
      await visitor.button("Save and finish").click();
      await visitor.sees(SAVED);
      await visitor.leaves();
    },

    // 800 fields, a small screen, in the dark.
    async mapping_phone(browser) {
      const narrow = await Visitor.arrive(browser, { ...NARROWEST, colorScheme: "dark" });
      await opens(narrow, links[0]);
      await narrow.leaves();

      const visitor = await Visitor.arrive(browser, { ...PHONE, colorScheme: "dark" });
      await opens(visitor, links[1]);
      assert.ok((await visitor.brightness()) < 60, "dark is dark");
      await visitor.isAccessible("mapping page on a phone");
      const elements = await visitor.page.evaluate(() => document.querySelectorAll("*").length);
      const options = await visitor.page.evaluate(() => document.querySelectorAll("datalist option").length);
      assert.ok(options > 800, `${options} fields`);
      assert.ok(elements < options + 1500, `${elements} elements for ${options} fields`);
      for (const control of await visitor.page.locator("input:visible, select:visible, button:visible").all()) {
        const { height } = await control.boundingBox();
        assert.ok(height >= 44, `${await control.getAttribute("name")} of ${height} px is hard to hit`);
      }
      await visitor.shoots("mapping-phone-dark");
      const find = visitor.page.getByRole("textbox", { name: "Find by label or name" });
      await find.fill("evil");
      await visitor.button("Find").tap();
      await visitor.page.getByText("1 of 1 fields shown.").waitFor();
      await visitor.page.getByRole("rowheader", { name: HOSTILE, exact: true }).waitFor();
      await find.fill("ltv");
      await visitor.button("Find").tap();
      await visitor.page.getByText("1 of 1 fields shown.").waitFor();
      await input(visitor, "Title title").fill("ltv_score__c");
      await visitor.button("Save and finish").tap();
      await visitor.sees(SAVED);
      await visitor.leaves();
    },

    // Two people at once: the second is told, sees both, and saves both.
    async mapping_together(browser) {
      const [first, second] = [await Visitor.arrive(browser, DESKTOP), await Visitor.arrive(browser, DESKTOP)];
      await opens(first, links[0]);
      await opens(second, links[1]);
      await input(first, "Department department").fill("LastName");
      await input(first, "Title title").fill("LastName");
      await first.button("Save and finish").click();
      await first.sees(SAVED);
      await input(second, "Title title").fill("Lead_Source__c");
      await second.button("Save and finish").click();
      await second.page.getByRole("alert").getByText("somebody else saved while you were here").waitFor();
      await second.sees(TITLE, { ...form, status: 409 });
      await second.isAccessible("mapping page after somebody else saved");
      assert.equal(await input(second, "Department department").inputValue(), "LastName");
      assert.equal(await input(second, "Title title").inputValue(), "Lead_Source__c");
      await second.shoots("mapping-both");
      await second.button("Save and finish").click();
      await second.sees(SAVED);
      await first.leaves();
      await second.leaves();
    },
  };
}
