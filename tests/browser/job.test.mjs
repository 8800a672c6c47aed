// The main job as people do it, in a real Chromium: a tweet becomes a link to the thread that
// answers it, the reply stands on the network, and it is told when it is solved.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PATIENCE_MS, logIn, startBrowser, startDemo, until } from "./offramp.mjs";

let demo, browser;

before(async () => {
  demo = await startDemo();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** A page in a session of its own, which fails the test when its script fails. */
async function newPage(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.errors = [];
  page.on("pageerror", (error) => page.errors.push(String(error)));
  return page;
}

async function complain(page, username, text) {
  await page.goto(demo.x);
  await page.fill("#username", username);
  await page.fill("#text", text);
  await page.click("form[action='/sandbox/post'] >> nth=0 >> button");
  await page.waitForLoadState();
}

/** The case whose page shows `words`, found through the queue. */
async function caseOf(page, words) {
  return until(async () => {
    await page.goto(`${demo.url}/desk`);
    const row = page.locator("[data-row]", { hasText: words }).first();
    if (!(await row.count())) return null;
    const link = row.locator("a[href^='/desk/case/']").first();
    return new URL(await link.getAttribute("href"), demo.url).href;
  }, `a case about “${words}” in the queue`);
}

test("a complaint is linked, answered in public, and stands once on the network", async () => {
  const customer = await newPage();
  await complain(
    customer,
    "marlow_k",
    "@PellwickHelp my photos only get backed up when I open the Attic app on android, what is the point",
  );
  const staff = await newPage();
  await logIn(staff, demo, "admin");
  await staff.goto(await caseOf(staff, "photos only get backed up"));
  assert.match(await staff.textContent("main"), /marlow_k/);

  const confirm = staff.locator("form[action*='/link/'] button", { hasText: "Confirm" }).first();
  if (await confirm.count()) {
    await confirm.click();
    await staff.waitForLoadState();
  }
  await staff.locator("button", { hasText: "Approve and send" }).first().click();

  await until(async () => {
    await customer.goto(demo.x);
    return (await customer.textContent("body")).includes(`${demo.url}/t/`);
  }, "the reply on the network");
  assert.deepEqual(staff.errors, []);
});

test("a complaint about money goes to a private address, never to a thread", async () => {
  const customer = await newPage();
  await complain(
    customer,
    "petra_v",
    "@PellwickHelp I was charged twice for Attic this month, I want my money back",
  );
  const staff = await newPage();
  await logIn(staff, demo, "admin");
  await staff.goto(await caseOf(staff, "charged twice for Attic this month, I want"));
  const draft = await staff.inputValue("textarea[name='body'] >> nth=0");
  assert.match(draft, /\/claim\//);
  assert.doesNotMatch(draft, /\/t\/\d/);
});

test("everything a visitor reads works without script, on a phone, without scrolling sideways", async () => {
  const phone = await newPage({
    javaScriptEnabled: false,
    viewport: { width: 360, height: 780 },
    colorScheme: "dark",
  });
  for (const path of ["/", "/p/tern", "/search?q=5+GHz", "/t/1", "/contact", "/login", "/register", "/demo"]) {
    const answer = await phone.goto(demo.url + path);
    assert.equal(answer.status(), 200, path);
    assert.ok(await phone.locator("h1").count(), `${path} has a heading`);
  }
  const measured = await newPage({ viewport: { width: 360, height: 780 } });
  for (const path of ["/", "/p/tern", "/search?q=5+GHz", "/t/1", "/contact", "/login"]) {
    await measured.goto(demo.url + path);
    const wide = await measured.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${path} is ${wide} px wide on a phone`);
  }
  assert.deepEqual(measured.errors, []);
});

test("a contact form becomes a ticket, and its receipt is in the outbox", async () => {
  const customer = await newPage();
  await customer.goto(`${demo.url}/contact`);
  await customer.fill("#subject", "A question about my warranty certificate");
  await customer.fill("#message", "The certificate that came with my purchase has another name on it.");
  await customer.fill("#name", "Jo");
  await customer.fill("#email", "jo@example.org");
  await customer.locator("main form[action='/contact'] button.btn-primary").last().click();
  await customer.waitForLoadState();
  const anyway = customer.locator("button", { hasText: "send my message" });
  if (await anyway.count()) await anyway.first().click();
  await customer.waitForURL(/\/contact\/sent/);

  const mails = await newPage();
  await until(async () => {
    await mails.goto(`${demo.url}/demo`);
    return (await mails.textContent("main")).includes("jo@example.org");
  }, "the receipt among the demo's mails");

  const staff = await newPage();
  await logIn(staff, demo, "admin");
  assert.ok(await caseOf(staff, "warranty certificate"));
});
