// Keeps the panes of a page fresh, and presses its buttons without leaving it. The page works without this file.
"use strict";

const EVERY_MS = 1000;
let pressed = false; // a pane that changes under the pointer would swallow the click
let moves = 0; // an answer from before a button was pressed is stale

function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const pane of document.querySelectorAll("[data-pane]")) {
    const next = fresh.querySelector(`[data-pane="${pane.dataset.pane}"]`);
    if (!next || pane.dataset.shown === next.innerHTML) continue;
    pane.dataset.shown = next.innerHTML;
    if (pane.innerHTML === next.innerHTML) continue;
    const open = [...pane.querySelectorAll("details[open]")].map((one) => one.dataset.key);
    const focused = pane.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    pane.className = next.className;
    pane.replaceChildren(...next.childNodes);
    for (const one of pane.querySelectorAll("details")) one.open = open.includes(one.dataset.key);
    if (focused) pane.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
}

function connected(yes) {
  document.documentElement.classList.toggle("offline", !yes);
}

async function refresh() {
  if (document.hidden || pressed) return;
  const before = moves;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const html = await answer.text();
    connected(true);
    if (before === moves && !pressed) show(html);
  } catch {
    connected(false);
  }
}

async function loop() {
  await refresh();
  setTimeout(loop, EVERY_MS);
}

document.addEventListener("pointerdown", () => { pressed = true; });
for (const end of ["pointerup", "pointercancel", "dragend"]) {
  document.addEventListener(end, () => { setTimeout(() => { pressed = false; }, 0); });
}
document.addEventListener("visibilitychange", refresh);

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("live" in form.dataset)) return;
  event.preventDefault();
  moves += 1;
  const fields = new FormData(form, event.submitter);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) });
    connected(true);
    show(await answer.text());
  } catch {
    connected(false);
  }
});

document.documentElement.classList.add("scripted");
setTimeout(loop, EVERY_MS);
