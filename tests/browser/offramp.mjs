// One demo of its own for a test file, and a Chromium to look at it.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
/** Longest wait for anything (ms): the machine may be busy. */
export const PATIENCE_MS = 60_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Starts `offramp demo --still`; complaints arrive only when a test posts them. */
export async function startDemo() {
  const dir = await mkdtemp(join(tmpdir(), "offramp-browser-"));
  const [port, xPort] = [await freePort(), await freePort()];
  const args = ["demo", "--still", "--dir", dir, "--port", `${port}`, "--x-port", `${xPort}`];
  const server = spawn(join(target, "debug", "offramp"), args, {
    stdio: "ignore",
    env: { ...process.env, RUST_LOG: "error", DATABASE_URL: undefined },
  });
  const demo = {
    dir,
    url: `http://127.0.0.1:${port}`,
    x: `http://127.0.0.1:${xPort}`,
    password: "warm rooms and steady wifi",
    async stop() {
      server.kill("SIGTERM");
      await new Promise((done) => server.once("exit", done));
      await rm(dir, { recursive: true, force: true });
    },
  };
  await until(async () => (await fetch(`${demo.url}/`)).ok, "the demo's first page");
  return demo;
}

/** The raw mails that went out to an address, in the order they were sent. */
export async function mailsTo(demo, address) {
  const folder = join(demo.dir, "mail");
  const mails = [];
  for (const name of (await readdir(folder)).filter((name) => name.endsWith(".eml")).sort()) {
    const raw = await readFile(join(folder, name), "utf8");
    if (header(raw, "To").includes(address)) mails.push(raw);
  }
  return mails;
}

/** One header of a raw mail, unfolded; empty when it has none. */
export function header(raw, name) {
  const head = raw.split("\r\n\r\n", 1)[0].replaceAll(/\r\n[ \t]+/g, " ");
  const line = head.split("\r\n").find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
  return line?.slice(name.length + 1).trim() ?? "";
}

/** Hands a mail to `offramp mail receive`, as a mail server pipes it. */
export async function receiveMail(demo, raw, recipient) {
  const args = ["--config", join(demo.dir, "offramp.toml"), "mail", "receive", "--recipient", recipient];
  const command = spawn(join(target, "debug", "offramp"), args, {
    stdio: ["pipe", "ignore", "inherit"],
    env: { ...process.env, RUST_LOG: "error", DATABASE_URL: undefined },
  });
  command.stdin.end(raw);
  const code = await new Promise((done) => command.once("exit", done));
  if (code !== 0) throw new Error(`the mail was not taken (exit code ${code})`);
}

/** Asks again until the answer is true. */
export async function until(ask, what) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch {
      // Not there yet.
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** Logs in as the demo's user with this role. */
export async function logIn(page, demo, role) {
  await page.goto(`${demo.url}/login`);
  await page.fill("#who", `${role}@demo.example`);
  await page.fill("#password", demo.password);
  await page.click("main button.btn-primary");
  await page.waitForURL((url) => url.pathname !== "/login", { timeout: PATIENCE_MS });
}
