// Suggestions while typing: <input data-suggest="/search/suggest"> asks for [{title, url, badge}]
// and shows them as an ARIA combobox. Enter without a choice searches as before.
const WAIT_MS = 120;
const QUERY_CHARS_MIN = 2;

document.querySelectorAll("input[data-suggest]").forEach((input, index) => {
  const list = document.createElement("ul");
  list.id = `suggestions-${index}`;
  list.className = "suggestions";
  list.role = "listbox";
  list.ariaLabel = "Suggestions";
  list.hidden = true;
  input.parentElement.append(list);
  input.role = "combobox";
  input.setAttribute("aria-controls", list.id);
  input.setAttribute("aria-autocomplete", "list");
  input.ariaExpanded = "false";

  let timer;
  let asked;
  let chosen = -1;

  function choose(next) {
    list.children[chosen]?.removeAttribute("aria-selected");
    chosen = next;
    const option = list.children[chosen];
    if (option) {
      option.ariaSelected = "true";
      input.setAttribute("aria-activedescendant", option.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function show(found) {
    choose(-1);
    list.replaceChildren(...found.map((item, place) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${place}`;
      option.role = "option";
      option.dataset.url = item.url;
      option.append(item.title);
      if (item.badge) {
        const badge = document.createElement("span");
        badge.className = `badge badge-${item.badge}`;
        badge.textContent = (item.badge[0].toUpperCase() + item.badge.slice(1)).replaceAll("_", " ");
        option.append(badge);
      }
      return option;
    }));
    list.hidden = found.length === 0;
    input.ariaExpanded = String(!list.hidden);
  }

  async function ask() {
    asked?.abort();
    const query = input.value.trim();
    if (query.length < QUERY_CHARS_MIN) return show([]);
    asked = new AbortController();
    try {
      const answer = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(query)}`, { signal: asked.signal });
      if (answer.ok) show(await answer.json());
    } catch {
      // The plain search still works.
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });
  input.addEventListener("keydown", (event) => {
    const count = list.children.length;
    if (event.key === "Escape") return show([]);
    if (list.hidden || count === 0) return;
    if (event.key === "ArrowDown") choose((chosen + 1) % count);
    else if (event.key === "ArrowUp") choose((chosen <= 0 ? count : chosen) - 1);
    else if (event.key === "Enter" && chosen >= 0) location.assign(list.children[chosen].dataset.url);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => {
    clearTimeout(timer);
    asked?.abort();
    show([]);
  });
  // mousedown comes before blur, so the list is still there to be hit.
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[data-url]");
    if (option) location.assign(option.dataset.url);
  });
});
