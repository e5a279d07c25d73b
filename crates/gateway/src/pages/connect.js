// In a popup: the provider opens in a window of its own, and this page waits for the end and tells the page that opened it.
// Without this script, or without such a page, the button leads to the provider and back in this window.
(() => {
  const journey = document.getElementById("journey");
  const waiting = document.getElementById("waiting");
  const { opener } = window;
  if (!journey || !waiting || !opener) return;
  const { origin, status, patience } = waiting.dataset;
  const form = journey.querySelector("form");
  let startedAt;
  const tell = (answer) => {
    // To that origin or to nobody: the browser drops the message when the opener shows another page by now.
    opener.postMessage({ source: "crosswalk", ...answer }, origin);
  };
  const end = (answer) => {
    tell(answer);
    for (const part of waiting.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== answer.status;
    if (answer.status === "connected") setTimeout(() => window.close(), 1500);
  };
  const look = async () => {
    let answer = { status: "waiting" };
    try {
      const reply = await fetch(status, { cache: "no-store" });
      if (reply.ok) answer = await reply.json();
      else if (reply.status === 404) answer = { status: "expired" };
    } catch {
      // Offline for a moment: asked again.
    }
    if (answer.status !== "waiting" && answer.status !== "open") return end(answer);
    if (Date.now() - startedAt > Number(patience)) for (const part of waiting.querySelectorAll('[data-when="stranded"]')) part.hidden = false;
    setTimeout(look, 2000);
  };
  form.addEventListener("submit", () => {
    const mark = document.createElement("input");
    Object.assign(mark, { type: "hidden", name: "popup", value: "1" });
    form.append(mark);
    form.target = "_blank";
    startedAt = Date.now();
    setTimeout(() => {
      journey.hidden = true;
      waiting.hidden = false;
      waiting.querySelector("h2").focus();
      look();
    });
  });
})();
