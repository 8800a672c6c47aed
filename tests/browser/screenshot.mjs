// The picture in the README: node screenshot.mjs FILE
import { logIn, startBrowser, startDemo, until } from "./offramp.mjs";

const complaints = [
  ["marlow_k", "@PellwickHelp my photos only get backed up when I open the Attic app on android, what is the point"],
  ["dani_m", "@PellwickHelp 5 GHz wifi drops every couple of hours since firmware 4.2.1, third time today"],
  ["petra_v", "@PellwickHelp I was charged twice for Attic this month, I want my money back"],
  ["ozan_t", "@PellwickHelp my Kiln receiver is so hot that I can't touch it, is that safe??"],
];

const demo = await startDemo();
const browser = await startBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  for (const [username, text] of complaints) {
    await page.goto(demo.x);
    await page.fill("#username", username);
    await page.fill("#text", text);
    await page.click("form[action='/sandbox/post'] >> nth=0 >> button");
    await page.waitForLoadState();
  }
  await logIn(page, demo, "admin");
  await until(async () => {
    await page.goto(`${demo.url}/desk`);
    return (await page.textContent("main")).includes("@petra_v");
  }, "the complaints on the desk");
  await page.screenshot({ path: process.argv[2] });
} finally {
  await browser.close();
  await demo.stop();
}
