// Keeps the chat fresh, and sends its forms without leaving the page. Without it everything works by page loads.
"use strict";
const app = document.querySelector("main.phone");
const thread = document.getElementById("thread");
const composer = document.getElementById("composer");
const status = document.querySelector("[data-testid=chat-status]");
const toast = document.getElementById("toast");
const EVERY_MS = 700;
const TOAST_MS = 4000;
let lastNotice = Number(app.dataset.notice);
let shownThread = app.dataset.thread;
let shownComposer = app.dataset.composer;
let asking = null;

function hideToast() { toast.replaceChildren(); }

function showNotice(notice) {
  const box = document.createElement("p");
  box.className = notice.alert ? "toast alert" : "toast";
  box.dataset.testid = notice.alert ? "alert" : "toast";
  box.textContent = notice.text;
  toast.replaceChildren(box);
  if (notice.alert) {
    const ok = document.createElement("button");
    ok.type = "button";
    ok.textContent = app.dataset.ok;
    ok.addEventListener("click", hideToast);
    box.append(ok);
    ok.focus();
  } else {
    setTimeout(() => { if (toast.firstChild === box) hideToast(); }, TOAST_MS);
  }
  if (notice.url) location.assign(notice.url);
}

function putComposer(html) {
  const old = document.getElementById("chat-input");
  const typed = old ? old.value : "";
  const hadFocus = old !== null && document.activeElement === old;
  composer.innerHTML = html;
  const input = document.getElementById("chat-input");
  if (input) {
    input.value = typed;
    if (hadFocus) input.focus();
  }
}

async function fetchState() {
  const answer = await fetch(app.dataset.state, { cache: "no-store" });
  if (!answer.ok) return;
  const state = await answer.json();
  status.textContent = state.status;
  if (state.thread_id !== shownThread) thread.innerHTML = state.thread;
  if (state.composer_id !== shownComposer) putComposer(state.composer);
  shownThread = state.thread_id;
  shownComposer = state.composer_id;
  if (state.notice && state.notice.id > lastNotice) {
    lastNotice = state.notice.id;
    showNotice(state.notice);
  }
}

// One question at a time, so that an old answer never overwrites a newer one.
async function refresh() {
  while (asking) await asking;
  asking = fetchState().catch(() => {}).finally(() => { asking = null; });
  await asking;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-live]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const input = form.querySelector("#chat-input");
  if (input) input.value = "";
  form.closest("details")?.removeAttribute("open");
  const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Live": "1" } });
  if (!answer.ok && input) input.value = body.get("text");
  await refresh();
});

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details[open]")) {
    if (!open.contains(event.target)) open.removeAttribute("open");
  }
});

refresh();
setInterval(() => { if (!asking && !document.hidden) refresh(); }, EVERY_MS);
