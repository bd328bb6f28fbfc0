// The details of one item; a click on a value filters by it.

import { make } from "./elements.js";

// Names that are not metadata fields in a filter: Python's keywords, columns, constants.
const RESERVED = new Set(`and as assert async await break class continue def del elif else except finally for from global if
  import in is lambda nonlocal not or pass raise return try while with yield contains id metadata picture text
  true false null none`.split(/\s+/));

const free = (key) => /^[A-Za-z_]\w*$/.test(key) && !RESERVED.has(key.toLowerCase());

/** Return the filter for a value of an item; `keys` are its path in the metadata. */
export function filterOf(keys, value, listed) {
  const name = keys.every(free) ? keys.join(".") : `metadata${keys.map((key) => `[${JSON.stringify(key)}]`).join("")}`;
  const written = typeof value === "string" ? JSON.stringify(value) : String(value);
  return listed ? `${written} in ${name}` : `${name} == ${written}`;
}

function values(name, value, filter) {
  const listed = Array.isArray(value);
  const each = listed ? value : [value];
  const simple = name && each.every((one) => ["string", "number"].includes(typeof one));
  if (!simple) return [make("code", {}, JSON.stringify(value))];
  return each.map((one) =>
    make("button", { type: "button", class: "value", title: "Filter by this value", onclick: () => filter(filterOf([name], one, listed)) }, String(one)));
}

/** Show an item in the dialog; `on.more`, `on.add` and `on.filter` act on it. */
export function show(item, on, bits) {
  const dialog = document.getElementById("details");
  const leave = (act) => (...given) => {
    dialog.close();
    act(...given);
  };
  const rows = Object.entries(item.metadata).map(([name, value]) =>
    make("div", {}, make("dt", {}, name), make("dd", {}, ...values(name, value, leave(on.filter)))));
  const near = item.distance === undefined ? null
    : make("div", {}, make("dt", {}, "distance"), make("dd", {}, `${item.distance} of ${bits} bits`));
  dialog.replaceChildren(
    make("form", { method: "dialog" }, make("button", { class: "close", "aria-label": "Close" }, "×")),
    item.thumbnail ? make("img", { src: item.thumbnail, alt: item.texts[0] ?? item.id }) : "",
    make("div", { class: "text" },
      ...(item.texts.length ? item.texts.map((text) => make("p", {}, text)) : [make("p", { class: "note" }, "no text")]),
      make("dl", {}, make("div", {}, make("dt", {}, "id"), make("dd", {}, item.id)), near, ...rows),
      make("p", { class: "actions" },
        make("button", { type: "button", class: "main", onclick: leave(() => on.more(item)) }, "More like this"),
        make("button", { type: "button", onclick: leave(() => on.add(item, 1)) }, "Add to the query"),
        make("button", { type: "button", onclick: leave(() => on.add(item, -1)) }, "Less like this"))),
  );
  dialog.showModal();
}
