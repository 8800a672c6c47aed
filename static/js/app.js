// Every page works without script. What a page can gain is loaded here, module by module,
// when the page carries the attribute that asks for it.
const features = [
  ["time[datetime]", "relative-time"],
  ["input[data-suggest]", "suggest"],
  ["[data-similar]", "similar"],
  ["[data-preview]", "preview"],
  ["form[data-draft]", "draft"],
  ["[data-live], [data-row], [data-key]", "desk"],
  ["[data-length-for]", "length"],
  ["[data-copy]", "copy"],
];

// A draft is forgotten once its form was accepted: then, and only then, the answer led on to another page
// that neither refuses it nor asks for a log-in.
const sent = sessionStorage.getItem("draft-sent");
const ledOn = performance.getEntriesByType("navigation")[0]?.redirectCount > 0;
const refused = document.querySelector(".error-page, .error-summary, .flash-error, .flash-warning, form[action='/login']");
if (sent && ledOn && !refused) localStorage.removeItem(sent);
sessionStorage.removeItem("draft-sent");

// Nobody finds another person's drafts on a shared machine.
document.querySelector('form[action="/logout"]')?.addEventListener("submit", () => {
  Object.keys(localStorage).filter((key) => key.startsWith("draft:")).forEach((key) => localStorage.removeItem(key));
});

for (const [selector, name] of features) {
  if (document.querySelector(selector)) import(`./${name}.js`);
}

// Filters stand open beside the results, and closed above them on a phone.
if (matchMedia("(max-width: 59.99rem)").matches) {
  for (const filters of document.querySelectorAll("details.filters:not([data-active])")) filters.open = false;
}

// An open menu closes when the reader turns elsewhere.
const openMenu = () => document.querySelector("details.menu[open]");
addEventListener("click", (event) => {
  const menu = openMenu();
  if (menu && !menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  const menu = openMenu();
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// A button pressed twice in a row sends its form once.
const TWICE_MS = 2000;
addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (Date.now() - (form.sentAt ?? 0) < TWICE_MS) event.preventDefault();
  form.sentAt = Date.now();
});
