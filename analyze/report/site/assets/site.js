// The live page: it fetches itself again when there is news or another choice, and
// puts what it got in place of what it shows. Without this script the page is the
// same, loaded anew each time.
"use strict";
(() => {
  const id = (name) => document.getElementById(name);
  const form = id("choose"), main = document.querySelector("main");
  const state = () => id("state");
  const RETRY = 15000; // ms
  const STALE = 90000; // ms

  let asking = null; // what aborts the request under way
  let begun = Date.now(); // when the page was last asked for
  let again = 0; // the timer of the next attempt
  let missed = false; // news came meanwhile
  let trouble = ""; // what keeps the page from being up to date

  // show replaces what is on the page by what is on another. What has the keyboard
  // keeps it, and what is being typed gives way to a choice alone; what was opened
  // and sorted is for the report's own script.
  function show(page, chosen) {
    const places = () => [...main.querySelectorAll("a, button, summary, [tabindex]")];
    const at = places().indexOf(document.activeElement);
    document.title = page.title;
    main.replaceChildren(...page.querySelector("main").childNodes);
    if (at >= 0) queueMicrotask(() => places()[at]?.focus({ preventScroll: true })); // after that script
    for (const mine of document.querySelectorAll("#presets a, #links a")) { // not replaced: one may have the keyboard
      const theirs = page.getElementById(mine.parentNode.id).children[[...mine.parentNode.children].indexOf(mine)];
      mine.href = theirs.getAttribute("href");
      if (theirs.hasAttribute("aria-current")) mine.setAttribute("aria-current", "true");
      else mine.removeAttribute("aria-current");
    }
    for (const mine of form.elements) {
      const theirs = page.getElementById("choose").elements[mine.name];
      if (mine.tagName === "SELECT") {
        const value = theirs.value; // a list that loses its options chooses others
        mine.replaceChildren(...theirs.childNodes);
        mine.value = value;
        mine.closest("label").hidden = theirs.closest("label").hidden;
      } else if (mine.tagName === "INPUT" && (chosen || mine !== document.activeElement)) mine.value = theirs.value;
    }
    Object.assign(state().dataset, page.getElementById("state").dataset);
  }

  // load fetches the page of an address. What somebody chose is shown whatever comes;
  // for news alone, what is there stays until there is something better.
  async function load(chosen) {
    clearTimeout(again);
    missed = false;
    begun = Date.now();
    asking?.abort();
    const mine = (asking = new AbortController());
    const slow = setTimeout(() => main.setAttribute("aria-busy", "true"), 200);
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: mine.signal });
      if (new URL(answer.url).pathname !== "/") return location.reload(); // to the login
      const text = await answer.text();
      if (answer.ok || chosen) show(new DOMParser().parseFromString(text, "text/html"), chosen);
      const later = answer.status === 503 || !answer.ok && !chosen;
      trouble = later ? "busy, trying again" : "";
      if (later) again = setTimeout(load, 1000 * Number(answer.headers.get("Retry-After")) || RETRY);
    } catch (e) {
      if (e.name === "AbortError") return;
      trouble = "no answer, trying again";
      again = setTimeout(load, RETRY);
    } finally {
      clearTimeout(slow);
      if (mine === asking) {
        asking = null;
        main.removeAttribute("aria-busy");
        listen();
        if (missed && newest !== state().dataset.newest) load(false);
      }
    }
  }

  function go(address) {
    history.pushState(null, "", address);
    load(true);
  }

  // What there is to choose.
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const asked = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...asked]) if (value === "" || (name === "until" && value === "now")) asked.delete(name);
    go("/?" + asked);
  });
  form.addEventListener("change", (e) => {
    if (e.target.tagName === "SELECT") form.requestSubmit();
  });
  id("presets").addEventListener("click", (e) => {
    const link = e.target.closest("a");
    if (!link || e.button || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    // By the form: what else is chosen may not be in the link yet.
    form.elements.since.value = link.textContent;
    form.elements.until.value = "now";
    form.requestSubmit();
  });
  addEventListener("popstate", () => load(true));
  document.addEventListener("click", (e) => {
    if (!id("take").contains(e.target)) id("take").open = false;
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && id("take").open) {
      id("take").open = false;
      id("take").firstElementChild.focus();
    }
  });

  // News.
  let stream = null, redial = 0;
  let newest = state().dataset.newest;
  let ahead = Date.now() - Date.parse(state().dataset.now); // of our clock before the machine's

  function listen() {
    const wanted = state().dataset.follows === "true" && !document.hidden;
    if (!wanted) {
      clearTimeout(redial);
      stream?.close();
      stream = null;
    } else if (!stream) {
      const mine = (stream = new EventSource("/events"));
      mine.addEventListener("news", (e) => {
        const news = JSON.parse(e.data);
        ahead = Date.now() - Date.parse(news.now);
        newest = news.newest.startsWith("0001") ? "" : news.newest;
        missed = Boolean(asking);
        if (newest !== state().dataset.newest && !asking) load(false);
        tell();
      });
      mine.addEventListener("open", tell);
      mine.addEventListener("error", () => {
        if (mine.readyState === EventSource.CLOSED) { // refused: the browser does not try again
          stream = null;
          clearTimeout(redial);
          redial = setTimeout(listen, RETRY);
        }
        tell();
      });
    }
    tell();
  }
  document.addEventListener("visibilitychange", listen);

  // tell says how fresh the page is.
  function tell() {
    const s = state();
    let text = "a fixed window: it stands still";
    let live = false;
    if (s.dataset.follows === "true") {
      live = !trouble && stream?.readyState === EventSource.OPEN;
      text = trouble || (live ? "live" : "not live: connecting");
      if (newest) text += ", newest " + age(Date.now() - ahead - Date.parse(newest));
    }
    if (s.textContent !== text) s.textContent = text;
    s.classList.toggle("live", live);
  }
  function age(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 90) return s + " s ago";
    if (s < 5400) return Math.round(s / 60) + " min ago";
    if (s < 129600) return Math.round(s / 3600) + " h ago";
    return Math.round(s / 86400) + " days ago";
  }
  setInterval(() => {
    tell();
    // A loop that falls silent is no news, yet the page is to say so.
    if (stream?.readyState === EventSource.OPEN && !asking && Date.now() - begun > STALE) load(false);
  }, 5000);
  listen();
})();
