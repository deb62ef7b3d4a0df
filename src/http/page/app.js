// Asks for the changing part of the page and changes the page to it, element by element. Elements
// that did not change are not touched, so focus, selection and open details stay.
"use strict";

const EVERY = 1000;
const EVERY_HIDDEN = 10000;
const GIVE_UP = 5000;

const stale = document.getElementById("stale");
const staleSince = document.getElementById("stale-since");
let answered = new Date();
let timer;

async function refresh() {
  clearTimeout(timer);
  try {
    const options = { cache: "no-store", signal: AbortSignal.timeout(GIVE_UP) };
    const response = await fetch("/?fragment", options);
    if (!response.ok) throw new Error(response.statusText);
    show(await response.text());
    answered = new Date();
    stale.hidden = true;
  } catch {
    staleSince.textContent = answered.toLocaleTimeString();
    stale.hidden = false;
  }
  document.body.classList.toggle("old", !stale.hidden);
  if (!stale.hidden) document.title = "no answer · tiovivo";
  clearTimeout(timer);
  timer = setTimeout(refresh, document.hidden ? EVERY_HIDDEN : EVERY);
}

function show(html) {
  const next = new DOMParser().parseFromString(html, "text/html").getElementById("live");
  const now = document.getElementById("live");
  if (!next || !now) throw new Error("not the page");
  become(now, next);
  document.title = next.dataset.title;
}

function become(now, next) {
  if (now.nodeType !== next.nodeType || now.nodeName !== next.nodeName || now.id !== next.id) {
    now.replaceWith(next);
    return;
  }
  if (now.nodeType !== Node.ELEMENT_NODE) {
    if (now.nodeValue !== next.nodeValue) now.nodeValue = next.nodeValue;
    return;
  }
  for (const { name, value } of [...next.attributes]) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  for (const { name } of [...now.attributes]) {
    // Details that the reader has opened stay open.
    if (!next.hasAttribute(name) && name !== "open") now.removeAttribute(name);
  }
  const old = [...now.childNodes];
  const fresh = [...next.childNodes];
  fresh.forEach((child, index) => {
    if (index < old.length) become(old[index], child);
    else now.append(child);
  });
  old.slice(fresh.length).forEach((child) => child.remove());
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
timer = setTimeout(refresh, EVERY);
