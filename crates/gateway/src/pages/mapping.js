
// What the button does, as soon as a choice changes. Without this script the button does it.
(() => {
  const form = document.getElementById("fields");
  const preview = document.getElementById("preview");
  if (!form || !preview) return;
  let timer;
  let running;
  // What is said about each choice, as the answer says it.
  const settle = (answer) => {
    for (const theirs of answer.querySelectorAll('input[id^="pick-"]')) {
      const mine = document.getElementById(theirs.id);
      if (!mine) continue;
      for (const name of ["aria-invalid", "aria-describedby"]) {
        if (theirs.hasAttribute(name)) mine.setAttribute(name, theirs.getAttribute(name));
        else mine.removeAttribute(name);
      }
      mine.parentElement.querySelector(".error")?.remove();
      const error = theirs.parentElement.querySelector(".error");
      if (error) mine.parentElement.append(error);
    }
  };
  const refresh = async () => {
    running?.abort();
    const mine = (running = new AbortController());
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "preview");
    preview.setAttribute("aria-busy", "true");
    let answer;
    try {
      const reply = await fetch(form.getAttribute("action"), { method: "POST", body, signal: mine.signal });
      answer = new DOMParser().parseFromString(await reply.text(), "text/html");
    } catch {
      answer = null;
    }
    if (mine.signal.aborted) return;
    preview.removeAttribute("aria-busy");
    const fresh = answer?.getElementById("preview");
    if (fresh) {
      preview.replaceChildren(...fresh.childNodes);
      settle(answer);
    } else {
      preview.lastElementChild.textContent = preview.dataset.failed;
    }
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "find") return;
    clearTimeout(timer);
    timer = setTimeout(refresh, 250);
  });
})();
