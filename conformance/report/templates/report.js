"use strict";
// The page says everything without this script; with it cells open beside the matrix, and can be searched.
const find = (selector, inside = document) => inside.querySelector(selector);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
document.documentElement.classList.add("js");

const panel = find("#panel");
const body = find("#panel-body");
// The clauses of each cell, as HTML that is not read before the cell is opened: so a page of thousands opens at once.
const cells = new Map(all("noscript[data-cell]").map((holder) => [holder.dataset.cell, holder]));

function openCell(id) {
  const holder = cells.get(id.split(":")[0]);
  if (!holder) return false;
  const parsed = document.createElement("template");
  parsed.innerHTML = holder.textContent;
  parsed.content.firstElementChild.removeAttribute("id"); // or the browser would scroll its title under the bar
  body.replaceChildren(parsed.content);
  const target = document.getElementById(id) || body.firstElementChild;
  find("#panel-title").textContent = find("h2", body).textContent;
  find("#filtered").textContent = mark(holder.dataset.cell, target);
  if (!panel.open) panel.showModal(); // which gives the focus back when it closes
  panel.scrollTop = 0;
  const entry = target.matches(".entry");
  if (entry) target.scrollIntoView();
  (entry ? target : find("#panel-title")).focus({ preventScroll: true });
  if (location.hash !== "#" + id) history.replaceState(null, "", "#" + id);
  return true;
}

panel.addEventListener("close", () => {
  body.replaceChildren();
  history.replaceState(null, "", location.pathname + location.search);
});
find("#close").addEventListener("click", () => panel.close());
panel.addEventListener("click", (event) => event.target === panel && panel.close());
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link && openCell(link.getAttribute("href").slice(1))) event.preventDefault();
});
addEventListener("hashchange", () => openCell(location.hash.slice(1)));

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  const pre = find("pre", button.parentElement);
  try {
    await navigator.clipboard.writeText(pre.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(pre); // the reader presses the keys
    button.textContent = "Selected";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
});

const search = find("#search");
const chosen = new Set();
const rows = all("tr.component").map((row) => ({
  row,
  names: row.dataset.names.toLowerCase(),
  links: all("a.cell", row).map((link) => ({ holder: link.parentElement, id: link.getAttribute("href").slice(1) })),
}));
const read = new Map();

// What there is to search in a cell: of each clause its outcomes and its words.
function entries(id) {
  if (!read.has(id)) read.set(id, cells.get(id).textContent.split("<article ").slice(1).map(entry));
  return read.get(id);
}

function entry(html) {
  const text = ("<" + html)
    .replace(/<(details|figure|dl)[^]*?<\/\1>|<ul class="dtypes">[^]*?<\/ul>/g, " ")
    .replace(/<[^>]*>/g, "")
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&amp;/g, "&");
  const [, id] = /id="([^"]*)"/.exec(html);
  return { id, outcomes: /data-outcomes="([^"]*)"/.exec(html)[1].split(" "), words: text.toLowerCase(), fits: true };
}

function filter() {
  const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const idle = !asked.length && !chosen.size;
  let components = 0;
  let clauses = 0;
  for (const { row, names, links } of rows) {
    const left = asked.filter((word) => !names.includes(word));
    let any = idle;
    for (const { holder, id } of links) {
      let fitting = 0;
      for (const each of idle && !read.has(id) ? [] : entries(id)) {
        const told = !chosen.size || each.outcomes.some((outcome) => chosen.has(outcome));
        each.fits = told && left.every((word) => each.words.includes(word));
        fitting += each.fits;
      }
      holder.classList.toggle("dim", !fitting && !idle);
      any ||= fitting > 0;
      clauses += fitting;
    }
    row.hidden = !any;
    components += any;
  }
  for (const part of all(".matrix tbody")) find(".kind", part).hidden = all("tr.component", part).every((row) => row.hidden);
  find("#found").textContent = idle ? "" : `${components} of ${rows.length} components, ${clauses} clause${clauses === 1 ? "" : "s"}`;
}

// Hides what the filter leaves out, but for what was asked for by its own link, and says so.
function mark(id, target) {
  const left = read.has(id) ? entries(id).filter(({ id, fits }) => !fits && id !== target.id) : [];
  for (const { id } of left) document.getElementById(id).hidden = true;
  const all = read.has(id) ? entries(id).length : 0;
  return left.length ? `${all - left.length} of ${all} clauses, as filtered` : "";
}

for (const button of all("[data-outcome]")) {
  button.addEventListener("click", () => {
    const outcome = button.dataset.outcome;
    const on = !chosen.delete(outcome);
    if (on) chosen.add(outcome);
    for (const twin of all("[data-outcome]")) twin.setAttribute("aria-pressed", String(chosen.has(twin.dataset.outcome)));
    filter();
    if (on && button.classList.contains("tile")) find("#matrix").scrollIntoView();
  });
}
search.addEventListener("input", filter);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !panel.open && !/^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) {
    event.preventDefault();
    search.focus();
  }
});
find(".tools").hidden = false;
openCell(location.hash.slice(1));
