// The main job as people do it, in a real Chromium: a tweet becomes a link to the thread that
// answers it, the reply stands on the network, and it is told when it is solved.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PATIENCE_MS, header, logIn, mailsTo, receiveMail, startBrowser, startDemo, until } from "./offramp.mjs";

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

/** Loads the page again until `what` holds on it. */
function reloadUntil(page, holds, what) {
  return until(async () => {
    await page.reload();
    return holds(await page.textContent("main"));
  }, what);
}

/** Presses a button whose form leads to another page. */
async function press(page, words) {
  const button = page.locator("main button", { hasText: words }).first();
  await Promise.all([page.waitForNavigation(), button.click()]);
}

test("a complaint is linked, answered in public, and told when it is solved", async () => {
  const member = await newPage();
  await logIn(member, demo, "member");
  await member.goto(`${demo.url}/new`);
  await member.selectOption("#product", "kiln/");
  await member.fill("#title", "Fault E77 on the display since the power came back");
  await member.fill("#body", "After a power cut the display of my thermostat shows fault E77 and nothing heats.");
  await press(member, "Post");
  if (new URL(member.url()).pathname === "/new") await press(member, "Post anyway");
  const thread = new URL(member.url()).pathname;
  assert.match(thread, /^\/t\/\d+\//);

  const customer = await newPage();
  await complain(customer, "marlow_k", "@PellwickHelp Kiln display shows fault E77 since the power came back, nothing heats");
  const staff = await newPage();
  await logIn(staff, demo, "admin");
  await staff.goto(await caseOf(staff, "fault E77"));
  const ofCase = staff.url();
  assert.match(await staff.textContent("main"), /marlow_k/);
  const proposal = staff.locator(".proposal", { has: staff.locator(`a[href='${thread}']`) });
  assert.equal(await proposal.count(), 1, "the thread is found");
  const link = proposal.locator("button[data-key='l']");
  if (await link.count()) await Promise.all([staff.waitForNavigation(), link.click()]);
  assert.match(await staff.inputValue("textarea[name='body'] >> nth=0"), new RegExp(thread));
  await press(staff, "Approve and send");
  await until(async () => {
    await customer.goto(demo.x);
    return (await customer.textContent("body")).includes(`${demo.url}${thread}`);
  }, "the reply on the network");

  const helper = await newPage();
  await logIn(helper, demo, "moderator");
  await helper.goto(demo.url + thread);
  await helper.fill("#body", "Switch the receiver off for a minute and on again, then hold the dial until E77 goes.");
  await press(helper, "Post reply");
  await member.goto(demo.url + thread);
  await member.locator("form[action$='/accept'] button").first().click();
  await member.waitForLoadState();

  // Word of it is drafted; it stands with the replies to send although the case left the queue.
  await until(async () => {
    await staff.goto(`${demo.url}/desk/replies`);
    return (await staff.locator("[data-row]", { hasText: "fault E77" }).count()) === 1;
  }, "word that it is solved among the replies to send");
  await staff.locator("[data-row] a", { hasText: "fault E77" }).click();
  await staff.waitForURL(ofCase);
  assert.match(await staff.textContent(".page-head"), /Word that it is solved waits to be sent/);
  const word = await staff.inputValue("textarea[name='body'] >> nth=0");
  await press(staff, "Approve and send");
  await until(async () => {
    await customer.goto(demo.x);
    const posts = await customer.locator("article.ours p").allTextContents();
    return posts.filter((text) => text.includes(word.slice(0, 20))).length === 1;
  }, "word that it is solved on the network");
  for (const page of [staff, member, helper]) assert.deepEqual(page.errors, []);
});

/** A complaint about money, answered by staff with a private address; where that leads. */
async function claimAddress(staff, customer, username, text) {
  await complain(customer, username, `@PellwickHelp ${text}`);
  await staff.goto(await caseOf(staff, text.slice(0, 40)));
  const ofCase = staff.url();
  const draft = await staff.inputValue("textarea[name='body'] >> nth=0");
  assert.match(draft, /\/claim\//);
  assert.doesNotMatch(draft, /\/t\/\d/);
  await press(staff, "Approve and send");
  const address = await until(async () => {
    await customer.goto(demo.x);
    const post = customer.locator("article", { hasText: text.slice(0, 40) }).locator("xpath=..").locator("article.ours a[href*='/claim/']");
    return post.first().getAttribute("href", { timeout: 1000 });
  }, "the private address on the network");
  return { address, ofCase };
}

/** The second step of a claim: an address, and the yes to use it. */
async function leaveEmail(customer, email) {
  await customer.fill("#email", email);
  await customer.check("#agreed");
  await press(customer, "Go on by email");
  assert.match(await customer.textContent("main"), /That is all we need/);
}

/** The newest mail to an address whose text has these words, as the demo's page shows it. */
async function mailWith(page, email, words) {
  return until(async () => {
    await page.goto(`${demo.url}/demo`);
    const mails = page.locator("details", { hasText: email }).filter({ hasText: words });
    return (await mails.count()) ? mails.first().textContent() : null;
  }, `a mail to ${email} with “${words}”`);
}

test("a complaint about money becomes an email ticket by its private address, and is resolved", async () => {
  const staff = await newPage();
  await logIn(staff, demo, "admin");
  const customer = await newPage();
  const text = "I was charged twice for Attic this month, I want my money back";
  const { address, ofCase } = await claimAddress(staff, customer, "petra_v", text);

  // Somebody else who saw the public address proves nothing by it.
  const stranger = await newPage();
  await stranger.goto(address);
  await stranger.click("button:has-text('Sign in with X')");
  await stranger.fill("#username", "nosy_n");
  await Promise.all([stranger.waitForURL(/\/claim\//), stranger.click("button:has-text('Sign in')")]);
  assert.match(await stranger.textContent("main"), /signed in as @nosy_n/);
  assert.equal(await stranger.locator("#email").count(), 0);

  await customer.goto(address);
  await customer.click("button:has-text('Sign in with X')");
  await customer.fill("#username", "petra_v");
  await Promise.all([customer.waitForURL(/\/claim\//), customer.click("button:has-text('Sign in')")]);
  await leaveEmail(customer, "petra@example.org");

  const mails = await newPage();
  const receipt = await mailWith(mails, "petra@example.org", "Follow your case");
  await customer.goto(receipt.match(/http\S+\/case\/[\w-]+/)[0]);
  assert.match(await customer.textContent("main"), /charged twice for Attic/);

  await staff.goto(await caseOf(staff, "charged twice for Attic this month"));
  assert.equal(staff.url(), ofCase, "it waits for us again");
  await staff.fill("form[action$='/message'] textarea", "We have **refunded** the second charge. Has it arrived?");
  await press(staff, "Send the answer");
  await mailWith(mails, "petra@example.org", "Has it arrived?");
  const raw = await until(async () => {
    const all = await mailsTo(demo, "petra@example.org");
    return all.find((mail) => header(mail, "Subject").startsWith("Re:"));
  }, "the mail as a file");

  const to = header(raw, "Reply-To").replace(/^.*<|>.*$/g, "");
  const id = header(raw, "Message-ID");
  const answer = ["From: Petra <petra@example.org>", `To: ${to}`, `Subject: ${header(raw, "Subject")}`,
    "Message-ID: <answer-1@example.org>", `In-Reply-To: ${id}`, `References: ${id}`, "Date: Sun, 22 Nov 2026 12:00:00 +0000",
    "Content-Type: text/plain; charset=utf-8", "", "The money is back, thank you.", ""].join("\r\n");
  await receiveMail(demo, answer, to);
  await staff.goto(ofCase);
  await reloadUntil(staff, (words) => words.includes("The money is back, thank you."), "the customer's answer on the case's page");

  await press(staff, "Resolve");
  assert.match(await staff.textContent("main"), /asked by email whether it works/);
  const asked = await mailWith(mails, "petra@example.org", "Solved, or still broken?");
  await customer.goto(asked.match(/http\S+\/case\/[\w-]+#verdict/)[0]);
  await press(customer, "It is solved");
  await staff.reload();
  assert.match(await staff.textContent("main"), /The customer says: solved/);
  for (const page of [staff, customer, stranger, mails]) assert.deepEqual(page.errors, []);
});

test("a handle is proved by posting the code that only its owner's page shows", async () => {
  const staff = await newPage();
  await logIn(staff, demo, "admin");
  const customer = await newPage();
  const text = "Where is my refund for the Tern I sent back in March, nobody answers";
  const { address, ofCase } = await claimAddress(staff, customer, "ines_r", text);
  await customer.goto(address);
  const code = await customer.textContent("#proof");
  const x = await customer.context().newPage();
  await complain(x, "ines_r", `@PellwickHelp ${code}`);
  await until(async () => {
    await customer.click("a:has-text('I have posted it')");
    await customer.waitForLoadState();
    return customer.locator("#email").count();
  }, "the second step, once the code was seen");
  await leaveEmail(customer, "ines@example.org");
  await staff.goto(ofCase);
  const story = await staff.textContent("main");
  assert.match(story, /Proved the handle by posting the code/);
  assert.match(story, /ines@example\.org/);
  assert.deepEqual(customer.errors, []);
});

test("a complaint that arrives is told on the open desk, and shown without leaving it", async () => {
  const staff = await newPage();
  await logIn(staff, demo, "admin");
  await staff.goto(`${demo.url}/desk`);
  const customer = await newPage();
  await complain(customer, "ozan_t", "@PellwickHelp my Kiln receiver is so hot that I can't touch it, is that safe??");
  const toast = staff.locator(".toast");
  await toast.waitFor();
  assert.match(await toast.textContent(), /case/);
  await until(async () => {
    if (await toast.count()) await toast.locator("button").click();
    return staff.locator("[data-row]", { hasText: "so hot that" }).count();
  }, "the case in the open queue");
  assert.equal(new URL(staff.url()).pathname, "/desk");
  assert.deepEqual(staff.errors, []);
});

test("a key stands on the proposal that it links, and on no other", async () => {
  const staff = await newPage();
  await logIn(staff, demo, "staff");
  const customer = await newPage();
  const text = "wifi keeps dropping since firmware 4.2.1, 5ghz just disappears for a minute then comes back. every. few. hours.";
  await complain(customer, "bex_t", `@PellwickHelp ${text}`);
  await staff.goto(await caseOf(staff, "wifi keeps dropping since"));
  await staff.locator("[data-keys]:not([hidden])").waitFor();
  const links = staff.locator(".proposal [data-key='l']");
  const withKey = () => links.evaluateAll((all) => all.map((link) => link.querySelector("kbd").checkVisibility()));
  assert.ok((await links.count()) > 1, "several proposals");
  const others = (await links.count()) - 2;
  const none = Array(others).fill(false);
  assert.deepEqual(await withKey(), [true, false, ...none]);
  await staff.keyboard.press("j");
  await staff.keyboard.press("j");
  assert.deepEqual(await withKey(), [false, true, ...none]);
  const second = await staff.locator(".proposal-head > a").nth(1).textContent();
  await Promise.all([staff.waitForNavigation(), staff.keyboard.press("l")]);
  assert.equal(await staff.locator(".proposal.is-confirmed .proposal-head > a").textContent(), second);
  assert.deepEqual(staff.errors, []);
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
  const fits = async (path) => {
    await measured.goto(demo.url + path);
    const wide = await measured.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${path} is ${wide} px wide on a phone`);
  };
  for (const path of ["/", "/p/tern", "/search?q=5+GHz", "/search?q=zqxjk", "/t/1", "/contact", "/contact/sent", "/claim", "/login", "/demo"]) {
    await fits(path);
  }
  await logIn(measured, demo, "admin");
  for (const path of ["/desk", "/desk/replies", "/desk/case/1", "/account", "/new", "/admin/users", "/admin/products/1", "/admin/network", "/admin/mail"]) {
    await fits(path);
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
