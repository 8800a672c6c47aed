// The desk's keys, their switch ([data-keys]) and its live list.
// j and k walk the rows marked [data-row]; every other key presses the visible button marked data-key="…".
// The server's event `case` (its data: the case's number) offers to renew every [data-live] of the page.
const rows = () => [...document.querySelectorAll("[data-row]")];
const current = () => document.querySelector('[data-row][aria-current="true"]');

function select(row) {
  current()?.removeAttribute("aria-current");
  row.setAttribute("aria-current", "true");
  row.querySelector("a")?.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

// Keys of one letter can be switched off: who speaks to the computer, or touches it by accident, would act unawares.
const KEYS_OFF = "desk-keys-off";
let keysOff = false;
try {
  keysOff = localStorage.getItem(KEYS_OFF) !== null;
} catch {
  // A browser that stores nothing: the switch holds for this page.
}

function showKeys() {
  document.documentElement.classList.toggle("no-keys", keysOff);
  for (const button of document.querySelectorAll("[data-keys]")) {
    button.hidden = false;
    button.setAttribute("aria-pressed", String(!keysOff));
    button.onclick = () => {
      keysOff = !keysOff;
      showKeys();
      try {
        if (keysOff) localStorage.setItem(KEYS_OFF, "1");
        else localStorage.removeItem(KEYS_OFF);
      } catch {
        // As above.
      }
    };
  }
}
showKeys();

addEventListener("keydown", (event) => {
  if (keysOff || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const all = rows();
  const step = { j: 1, k: -1 }[event.key];
  if (step && all.length > 0) {
    const place = all.indexOf(current());
    select(all[place < 0 ? 0 : Math.min(Math.max(place + step, 0), all.length - 1)]);
    return event.preventDefault();
  }
  const key = CSS.escape(event.key);
  const button = current()?.querySelector(`[data-key="${key}"]`) ?? document.querySelector(`[data-key="${key}"]`);
  if (button && !button.disabled && button.checkVisibility()) {
    event.preventDefault();
    button.click();
    if (button.matches("input, textarea, select")) button.focus();
  }
});

const changed = new Set();
const toasts = document.querySelector(".toasts");
let toast;

// Renews the live parts by reading the same address again; the selected row, the focus and typed text stay.
async function renew() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const selected = current()?.querySelector("a")?.getAttribute("href");
  const focused = document.activeElement;
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${CSS.escape(old.dataset.live)}"]`);
    if (!next) continue;
    const inside = old.contains(focused);
    for (const field of old.querySelectorAll("textarea[id], input[id]")) {
      const twin = next.querySelector(`#${CSS.escape(field.id)}`);
      if (twin && field.value !== field.defaultValue) twin.value = field.value;
    }
    old.replaceWith(next);
    if (!inside) continue;
    const href = focused.getAttribute("href");
    (focused.id ? document.getElementById(focused.id) : href && next.querySelector(`a[href="${CSS.escape(href)}"]`))?.focus();
  }
  const row = selected && rows().find((one) => one.querySelector("a")?.getAttribute("href") === selected);
  row?.setAttribute("aria-current", "true");
  changed.clear();
  toast?.remove();
  toast = undefined;
}

function tell() {
  if (!toast) {
    toast = document.createElement("div");
    toast.className = "toast";
    const show = document.createElement("button");
    show.className = "btn btn-small";
    show.textContent = "Show";
    show.addEventListener("click", renew);
    toast.append(document.createElement("span"), show);
    toasts.append(toast);
  }
  toast.firstChild.textContent = changed.size === 1 ? "1 case changed" : `${changed.size} cases changed`;
}

if (toasts && document.querySelector("[data-live]")) {
  const events = new EventSource("/desk/events");
  events.addEventListener("case", (event) => {
    const only = document.querySelector("[data-live-case]")?.dataset.liveCase;
    if (only && only !== event.data) return;
    changed.add(event.data);
    tell();
  });
  // Some changes were missed: look again.
  events.addEventListener("reload", renew);
  addEventListener("pagehide", () => events.close());
}
