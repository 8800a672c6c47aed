// Every page works without script. What a page can gain is loaded here, module by module,
// when the page carries the attribute that asks for it.
const features = [
  ["time[datetime]", "relative-time"],
  ["[data-suggest]", "suggest"],
  ["[data-similar]", "similar"],
  ["[data-preview]", "preview"],
  ["form[data-draft]", "draft"],
  ["[data-live], [data-row], [data-key]", "desk"],
  ["[data-length-for]", "length"],
  ["[data-copy]", "copy"],
];

for (const [selector, name] of features) {
  if (document.querySelector(selector)) import(`./${name}.js`);
}

// An open menu closes when the reader turns elsewhere.
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
