"use strict";
// Sorts tables and shows values under the pointer. All of it hangs on the document,
// so that what replaces the body later works too.
(() => {
  const number = (cell) => {
    const v = cell.dataset.v ?? "";
    return v === "" ? NaN : Number(v);
  };

  // ---- what was chosen: it outlives a replaced body
  const chosen = { open: new Set(), sorts: new Map() };
  document.addEventListener("toggle", (e) => {
    const id = e.target.id;
    if (id) e.target.open ? chosen.open.add(id) : chosen.open.delete(id);
  }, true);
  const prepare = () => {
    for (const id of chosen.open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    for (const th of document.querySelectorAll("table.sortable thead th")) {
      if (th.querySelector("button")) continue;
      const b = document.createElement("button");
      b.type = "button";
      b.append(...th.childNodes);
      th.append(b);
    }
    for (const plot of document.querySelectorAll(".plot[data-steps]")) plot.tabIndex = 0;
    for (const [id, [column, up]] of chosen.sorts) {
      const th = document.getElementById(id)?.tHead.rows[0].cells[column];
      if (th && !th.ariaSort) sort(th, up);
    }
  };

  // ---- sorting
  const sort = (th, up) => {
    const table = th.closest("table");
    const column = [...th.parentNode.children].indexOf(th);
    const words = th.classList.contains("w");
    chosen.sorts.set(table.id, [column, up]);
    for (const other of th.parentNode.children) other.removeAttribute("aria-sort");
    th.ariaSort = up ? "ascending" : "descending";
    const rows = [...table.tBodies[0].rows];
    const key = (row) => (words ? row.cells[column].textContent : number(row.cells[column]));
    rows.sort((a, b) => {
      const x = key(a), y = key(b);
      if (words) return up ? x.localeCompare(y) : y.localeCompare(x);
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y); // what has no number stays last
      return up ? x - y : y - x;
    });
    table.tBodies[0].append(...rows);
  };
  document.addEventListener("click", (e) => {
    const th = e.target.closest?.("table.sortable thead th");
    if (th) sort(th, th.ariaSort ? th.ariaSort !== "ascending" : th.classList.contains("w"));
  });

  // ---- values under the pointer
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);
  let crosses = [];
  const leave = () => {
    tip.hidden = true;
    for (const c of crosses) c.remove();
    crosses = [];
  };
  const show = (plot, step, x, y) => {
    leave();
    const group = plot.closest(".time");
    const steps = Number(plot.dataset.steps);
    for (const p of group.querySelectorAll(".plot[data-steps]")) {
      const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      const at = ((step + 0.5) / steps) * 100 + "%";
      line.setAttribute("class", "cross");
      line.setAttribute("x1", at);
      line.setAttribute("x2", at);
      line.setAttribute("y2", "100%");
      p.append(line);
      crosses.push(line);
    }
    const rows = lines(group, step, plot, y);
    if (!rows) return;
    const dl = document.createElement("dl");
    for (const [name, value] of rows.slice(1)) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.textContent = name;
      dd.textContent = value;
      dl.append(dt, dd);
    }
    const b = document.createElement("b");
    b.textContent = rows[0];
    tip.replaceChildren(b, dl);
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, x + 16 + w > innerWidth ? x - w - 16 : x + 16) + "px";
    const below = y ?? plot.getBoundingClientRect().top;
    tip.style.top = Math.max(4, Math.min(below + 12, innerHeight - h - 8)) + "px";
  };
  // lines are read from the table of numbers behind the picture: all of a step's, or
  // one column's; of a heat map the row under the pointer, or the fullest.
  const lines = (group, step, plot, y) => {
    const table = document.getElementById(group.dataset.numbers);
    const row = table?.tBodies[0].rows[step];
    if (!row) return null;
    const when = row.cells[0].textContent;
    if (plot.dataset.counts !== undefined) return [when, ...cells(plot, step, y)];
    const heads = [...table.tHead.rows[0].cells].map((c) => c.textContent);
    const column = Number(group.dataset.column ?? 0);
    if (column) return [when, ["p50 · p95 · p99 · longest, ms", row.cells[column].textContent || "none"]];
    return [when, ...[...row.cells].slice(1).map((c, i) => [heads[i + 1], c.textContent]).filter(([, v]) => v !== "")];
  };
  const cells = (plot, step, y) => {
    const edges = plot.dataset.edges.split("|");
    const text = plot.dataset.counts.split(";")[step];
    const all = text ? text.split(",").map((c) => c.split(":").map(Number)) : [];
    const name = (r) => edges[r] + " to " + edges[r + 1];
    const box = plot.getBoundingClientRect();
    const under = y === null ? -1 : Math.floor((1 - (y - box.top) / box.height) * (edges.length - 1));
    const cell = all.find(([r]) => r === under);
    if (cell) return [[name(cell[0]), String(cell[1])]];
    if (y !== null) return [["timings here", "0"]];
    return all.sort((a, b) => b[1] - a[1]).slice(0, 6).map(([r, n]) => [name(r), String(n)]);
  };
  document.addEventListener("pointermove", (e) => {
    const plot = e.target.closest?.(".plot[data-steps]");
    if (!plot) return leave();
    const box = plot.getBoundingClientRect();
    const steps = Number(plot.dataset.steps);
    const step = Math.min(steps - 1, Math.max(0, Math.floor(((e.clientX - box.left) / box.width) * steps)));
    plot.dataset.at = step;
    show(plot, step, e.clientX, e.clientY);
  });
  document.addEventListener("keydown", (e) => {
    const plot = e.target.closest?.(".plot[data-steps]");
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (e.key === "Escape") leave();
    if (!plot || !by) return;
    e.preventDefault();
    const steps = Number(plot.dataset.steps), box = plot.getBoundingClientRect();
    const step = Math.min(steps - 1, Math.max(0, Number(plot.dataset.at ?? (by > 0 ? -1 : steps)) + by));
    plot.dataset.at = step;
    show(plot, step, box.left + ((step + 0.5) / steps) * box.width, null);
  });
  document.addEventListener("focusout", leave);
  document.addEventListener("scroll", leave, { passive: true });

  new MutationObserver(prepare).observe(document.getElementById("report"), { childList: true });
  prepare();
})();
