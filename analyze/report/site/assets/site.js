// The live page: it fetches itself again when there is news or another choice, and
// puts what it got in place of what it shows. Without this script the page is the
// same, loaded anew each time.
"use strict";
(() => {
  const id = (name) => document.getElementById(name);
  const form = id("choose"), main = document.querySelector("main");
  const state = () => id("state");
  const RETRY = 15000; // ms

  let asking = null; // what aborts the request under way
  let again = 0; // the timer of the next attempt
  let trouble = ""; // what keeps the page from being up to date

  // show replaces what is on the page by what is on another; what somebody has
  // opened or sorted, or stands on with the keyboard, stays so.
  function show(page) {
    const open = [...main.querySelectorAll("details")].map((d) => d.open);
    const sorted = [...main.querySelectorAll("table[id] th[aria-sort]")].map((th) => [th.closest("table").id, th.cellIndex, th.ariaSort]);
    const at = document.activeElement && main.contains(document.activeElement) ? document.activeElement.id : "";
    document.title = page.title;
    main.replaceChildren(...page.querySelector("main").childNodes);
    for (const [table, column, way] of sorted) sort(id(table)?.tHead.rows[0].cells[column], way);
    main.querySelectorAll("details").forEach((d, i) => (d.open = Boolean(open[i])));
    if (at) id(at)?.focus({ preventScroll: true });
    for (const name of ["presets", "links"]) id(name).replaceChildren(...page.getElementById(name).childNodes);
    for (const mine of form.elements) {
      const theirs = page.getElementById("choose").elements[mine.name];
      if (mine.tagName === "SELECT") {
        mine.replaceChildren(...theirs.childNodes);
        mine.closest("label").hidden = theirs.closest("label").hidden;
      } else if (mine.tagName === "INPUT" && mine !== document.activeElement) mine.value = theirs.value;
    }
    Object.assign(state().dataset, page.getElementById("state").dataset);
  }

  // sort has the report's script sort a table as it was.
  function sort(th, way) {
    for (let i = 0; th && i < 2 && th.ariaSort !== way; i++) th.click();
  }

  // load fetches the page of an address. What somebody chose is shown whatever comes;
  // for news alone, what is there stays until there is something better.
  async function load(chosen) {
    clearTimeout(again);
    asking?.abort();
    const mine = (asking = new AbortController());
    const slow = setTimeout(() => main.setAttribute("aria-busy", "true"), 200);
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: mine.signal });
      if (new URL(answer.url).pathname !== "/") return location.reload(); // to the login
      const text = await answer.text();
      const later = answer.status === 503;
      if (!later || chosen) show(new DOMParser().parseFromString(text, "text/html"));
      trouble = later ? "busy, trying again" : "";
      if (later) again = setTimeout(load, 1000 * (Number(answer.headers.get("Retry-After")) || 5));
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
    const place = [...id("presets").children].indexOf(link);
    go(link.href);
    link.closest("nav").children[place]?.focus();
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
      if (newest) text += ", newest record " + age(Date.now() - ahead - Date.parse(newest));
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
  setInterval(tell, 5000);
  listen();
})();
