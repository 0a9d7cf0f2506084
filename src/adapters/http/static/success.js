// Asks how the payment stands, ever more rarely, and shows the page anew as soon as something has changed.
"use strict";
const section = document.querySelector("[data-session]");
const url = "/api/payment/session-status?session_id=" + encodeURIComponent(section.dataset.session);
const longest = Number(section.dataset.longestMs);
let wait = 1500;
let first = null;

async function ask() {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const text = await answer.text();
      first = first ?? text;
      const status = JSON.parse(text);
      if (text !== first || status.access_status !== "pending" || status.fulfillment_status !== "pending") {
        window.location.reload();
        return;
      }
    }
  } catch {
    // The network is away; the next question may get through.
  }
  wait = Math.min(wait * 1.2, longest);
  setTimeout(ask, wait);
}

setTimeout(ask, wait);
