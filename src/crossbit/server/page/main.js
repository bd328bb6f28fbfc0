// The page: selected collections, queries, and keyboard shortcuts.

import * as api from "./api.js";
import { bytes, count, make } from "./elements.js";
import { filterOf, show as showDetails } from "./details.js";
import { listen } from "./keys.js";
import { Query } from "./query.js";
import { column, cost, grid, summary } from "./results.js";

const byId = (id) => document.getElementById(id);
const query = new Query(() => search());
let served = [];
let sides = []; // names of the selected collections: one, or two
let running = new AbortController();

const facts = (name) => served.find((each) => each.name === name);
const comparing = () => sides.length === 2;

const on = {
  open: (item) => showDetails(item, on, facts(sides[0]).bits),
  more: (item) => {
    query.only({ kind: "like", value: item.id, thumbnail: item.thumbnail });
    search();
    scrollTo({ top: 0 });
  },
  add: (item, weight) => {
    query.add({ kind: "like", value: item.id, thumbnail: item.thumbnail, weight });
    search();
  },
  filter: (condition) => {
    const where = byId("where");
    const before = where.value.trim();
    where.value = before === condition ? "" : before.includes(condition) || !before ? condition
      : `${before.includes(" or ") ? `(${before})` : before} and ${condition}`;
    search();
  },
  point: (id, pointed) => {
    if (!comparing()) return;
    for (const hit of document.querySelectorAll(".hit")) hit.classList.toggle("pointed", pointed && hit.dataset.id === id);
  },
};

/** Search all selected collections and show the results; a newer search cancels an older one. */
async function search({ remember = true } = {}) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  if (remember) saveToUrl();
  for (const each of byId("suggestions").children) each.setAttribute("aria-pressed", String(byId("where").value.includes(each.title)));
  if (query.empty) return showSample();
  document.body.classList.add("busy");
  const outcomes = [];
  try {
    const request = await query.request();
    for (const name of sides) { // one after the other, so that their times are comparable
      outcomes.push(await api.search(name, request, signal).then((found) => ({ found }), (fault) => ({ fault })));
      if (signal.aborted) return;
    }
  } catch (fault) {
    outcomes.push(...sides.map(() => ({ fault })));
  }
  document.body.classList.remove("busy");
  showOutcomes(outcomes);
}

function showOutcomes(outcomes) {
  const ids = outcomes.map(({ found }) => new Set(found?.hits.map((hit) => hit.id) ?? []));
  const shared = comparing() ? new Set([...ids[0]].filter((id) => ids[1].has(id))) : new Set();
  const made = outcomes.map((outcome, side) =>
    column(facts(sides[side]), outcome, on, { shared, head: comparing() ? head(side, outcome) : null }));
  byId("results").className = comparing() ? "two" : "one";
  byId("results").replaceChildren(...made);
  const only = outcomes[0].found;
  if (comparing()) byId("status").textContent = `${shared.size} of ${Math.max(ids[0].size, ids[1].size)} found by both`;
  else byId("status").textContent = only ? summary(facts(sides[0]), only) : "";
}

function head(side, outcome) {
  const choose = make("select", { "aria-label": side ? "Right side" : "Left side", onchange: (event) => {
    sides[side] = event.target.value;
    search();
  } }, ...served.map(({ name }) => make("option", { selected: name === sides[side] }, name)));
  return make("header", {}, choose, cost(facts(sides[side]), outcome));
}

/** Show a sample of the first collection while the query is empty. */
async function showSample(seed = 0) {
  document.body.classList.remove("busy");
  const { signal } = running;
  const name = sides[0];
  const about = facts(name);
  const shuffle = make("button", { type: "button", class: "quiet", onclick: () => showSample(Math.floor(1e6 * Math.random())) }, "Show others");
  byId("status").replaceChildren(
    about.items ? `A sample of ${count(about.items)} items with ${about.bits}-bit codes (${bytes(about.code_bytes)}) by ${about.method}. ` : "This collection is empty.",
    about.items > 24 ? shuffle : "");
  try {
    const { items } = await api.sample(name, Number(byId("k").value), seed);
    if (signal.aborted || name !== sides[0]) return;
    byId("results").className = "one";
    byId("results").replaceChildren(make("section", { class: "column" }, grid(items, on, about.bits)));
  } catch (fault) {
    byId("results").replaceChildren(make("p", { class: "fault", role: "alert" }, fault.message));
  }
}

/** Suggest filters from the fields of the first collection. */
async function suggest() {
  const { fields } = await api.fields(sides[0]).catch(() => ({ fields: [] }));
  const filters = fields.flatMap(({ name, listed, values }) => values.map((value) => [String(value), filterOf(name.split("."), value, listed)]));
  byId("filters").replaceChildren(...filters.map(([, value]) => make("option", { value })));
  byId("suggestions").replaceChildren(...filters.slice(0, 10).map(([name, condition]) =>
    make("button", { type: "button", title: condition, "aria-pressed": String(byId("where").value.includes(condition)), onclick: () => on.filter(condition) }, name)));
}

function select(...names) {
  sides = names;
  const choose = (name) => () => {
    select(name);
    search();
  };
  byId("collections").replaceChildren(...(served.length < 2 ? [make("span", { class: "alone" }, names[0])]
    : comparing() ? []
    : served.map(({ name }) => make("button", { type: "button", "aria-pressed": String(name === names[0]), onclick: choose(name) }, name))));
  byId("compare").setAttribute("aria-pressed", String(comparing()));
  document.body.classList.toggle("comparing", comparing());
  document.title = `${names.join(" and ")} – crossbit`;
  suggest();
}

function compare() {
  if (served.length < 2) return;
  const other = served.find(({ name }) => name !== sides[0]).name;
  select(...(comparing() ? [sides[0]] : [sides[0], other]));
  search();
  if (query.empty && comparing()) byId("words").focus();
}

function saveToUrl() {
  const parameters = new URLSearchParams();
  query.write(parameters);
  if (sides[0] !== served[0].name || comparing()) parameters.set("c", sides[0]);
  if (comparing()) parameters.set("and", sides[1]);
  const address = parameters.size ? `?${parameters}` : location.pathname;
  if (address !== location.search) history.pushState(null, "", address);
}

function restore() {
  const parameters = new URLSearchParams(location.search);
  query.read(parameters);
  const names = [parameters.get("c"), parameters.get("and")].filter((name) => facts(name));
  select(...(names.length ? names : [served[0].name]));
  search({ remember: false });
}

function clear() {
  if (query.empty) return;
  query.clear();
  byId("words").focus();
  search();
}

/** Search with a chosen, dropped or pasted picture; words and other parts are kept. */
function take(files) {
  const pictures = [...files].filter((file) => file.type.startsWith("image/"));
  if (!pictures.length) return;
  pictures.forEach((file) => query.addPicture(file));
  search();
}

function wire() {
  byId("query").addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
  byId("query").addEventListener("change", (event) => {
    if (event.target.id !== "words" && event.target.id !== "file") search();
  });
  byId("words").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.ctrlKey) return;
    event.preventDefault();
    query.addWords();
    search();
  });
  byId("add").addEventListener("click", () => {
    query.addWords();
    byId("words").focus();
  });
  byId("file").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = "";
  });
  byId("compare").addEventListener("click", compare);
  byId("help").addEventListener("click", () => byId("hints").showModal());
  byId("theme").addEventListener("click", toggleTheme);
  listen({ compare, clear });
  document.addEventListener("paste", (event) => take(event.clipboardData.files));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("drop").hidden = false;
  });
  document.addEventListener("dragleave", (event) => (byId("drop").hidden = event.relatedTarget === null));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    byId("drop").hidden = true;
    take(event.dataTransfer.files);
  });
  addEventListener("popstate", restore);
}

/** Toggle light and dark mode; until then the page follows the system. */
function toggleTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  localStorage.setItem("crossbit-theme", dark ? "light" : "dark");
  document.documentElement.dataset.theme = localStorage.getItem("crossbit-theme");
}

async function start() {
  const theme = localStorage.getItem("crossbit-theme");
  if (theme) document.documentElement.dataset.theme = theme;
  wire();
  try {
    served = (await api.collections()).collections;
  } catch (fault) {
    byId("status").textContent = fault.message;
    return;
  }
  byId("compare").hidden = served.length < 2;
  restore();
}

start();
