
// What the button does, as soon as a choice changes. Without this script the button does it.
(() => {
  const form = document.getElementById("fields");
  const preview = document.getElementById("preview");
  if (!form || !preview) return;
  let timer;
  let running;
  const refresh = async () => {
    running?.abort();
    const mine = (running = new AbortController());
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "preview");
    preview.setAttribute("aria-busy", "true");
    let fresh;
    try {
      const reply = await fetch(form.getAttribute("action"), { method: "POST", body, signal: mine.signal });
      fresh = new DOMParser().parseFromString(await reply.text(), "text/html").getElementById("preview");
    } catch {
      fresh = null;
    }
    if (mine.signal.aborted) return;
    preview.removeAttribute("aria-busy");
    if (fresh) preview.replaceChildren(...fresh.childNodes);
    else preview.lastElementChild.textContent = preview.dataset.failed;
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "find") return;
    clearTimeout(timer);
    timer = setTimeout(refresh, 250);
  });
})();
