// Renders a form's Markdown into its [data-preview] by the server, as it will look when posted.
// A button [data-preview-button] in the form asks for it; from then on the preview follows the typing.
const WAIT_MS = 400;

for (const panel of document.querySelectorAll("[data-preview]")) {
  const form = panel.closest("form");
  const source = form?.querySelector("textarea");
  const button = form?.querySelector("[data-preview-button]");
  if (!source || !button) continue;
  let timer;
  let asked;

  async function render() {
    asked?.abort();
    asked = new AbortController();
    const body = new URLSearchParams({ csrf: form.elements.csrf?.value ?? "", body: source.value });
    try {
      const answer = await fetch("/preview", { method: "POST", body, signal: asked.signal });
      panel.innerHTML = answer.ok ? (await answer.text()).trim() : "";
      panel.hidden = false;
    } catch {
      // The text itself is untouched.
    }
  }

  button.hidden = false;
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (!button.dataset.follows) {
      button.dataset.follows = "true";
      source.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(render, WAIT_MS);
      });
    }
    render();
  });
}
