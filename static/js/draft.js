// Keeps what is typed into <form data-draft="key"> in this browser, and brings it back with a notice.
// app.js forgets it once the form was accepted.
const WAIT_MS = 500;
const KEEP_DAYS = 14;

for (const form of document.querySelectorAll("form[data-draft]")) {
  const key = `draft:${document.body.dataset.user ?? ""}:${form.dataset.draft}`;
  const fields = [...form.elements].filter((field) =>
    field.name && field.matches("textarea, select, input:not([type=hidden], [type=password], [type=file], [type=checkbox], [type=radio])"));
  const initial = new Map(fields.map((field) => [field.name, field.value]));
  let timer;

  function save() {
    const typed = fields.filter((field) => field.value !== initial.get(field.name));
    if (!typed.some((field) => field.value.trim())) return localStorage.removeItem(key);
    const values = Object.fromEntries(typed.map((field) => [field.name, field.value]));
    try {
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), values }));
    } catch {
      // A full store loses the spare copy only.
    }
  }

  function stored() {
    try {
      const draft = JSON.parse(localStorage.getItem(key));
      if (draft && Date.now() - draft.at < KEEP_DAYS * 86_400_000) return draft.values;
    } catch {
      // Not ours, or broken: as if there were none.
    }
    return {};
  }

  // What the server sent back after an error is newer than what was kept.
  const refused = form.querySelector(".error-summary, [aria-invalid=true]");
  const values = stored();
  const missing = fields.filter((field) => field.name in values && values[field.name] !== field.value);
  if (!refused && missing.length > 0) {
    for (const field of missing) {
      field.value = values[field.name];
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const notice = document.createElement("div");
    notice.className = "notice row spread";
    notice.role = "status";
    notice.append("Your draft from last time is back.");
    const discard = document.createElement("button");
    discard.type = "button";
    discard.className = "btn btn-small";
    discard.textContent = "Discard it";
    discard.addEventListener("click", () => {
      for (const field of missing) field.value = initial.get(field.name);
      localStorage.removeItem(key);
      notice.remove();
      missing[0].focus();
    });
    notice.append(discard);
    form.prepend(notice);
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(save, WAIT_MS);
  });
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    save();
    sessionStorage.setItem("draft-sent", key);
  });
}
