// Shows threads like the one being written, in the form's [data-similar] panel.
// The words come from the field named title (or subject, or else body), the product from the field named product.
const WAIT_MS = 400;
const QUERY_CHARS_MIN = 8;
const QUERY_CHARS_MAX = 300;

for (const panel of document.querySelectorAll("[data-similar]")) {
  const form = panel.closest("form");
  if (!form) continue;
  let timer;
  let asked;
  let last = "";

  const value = (...names) => names.map((name) => form.elements[name]?.value?.trim()).find(Boolean) ?? "";

  async function ask() {
    const query = value("title", "subject", "body", "message").slice(0, QUERY_CHARS_MAX);
    if (query.length < QUERY_CHARS_MIN) return;
    const place = form.dataset.draft === "contact" ? "contact" : "ask";
    const asking = { q: query, product: value("product"), key: value("request_key"), place };
    const address = `/similar?${new URLSearchParams(asking)}`;
    if (address === last) return;
    last = address;
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(address, { signal: asked.signal });
      if (answer.ok) panel.innerHTML = (await answer.text()).trim();
    } catch {
      // Without an answer the panel stays as it is.
    }
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });
}
