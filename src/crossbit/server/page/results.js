// What was found: a grid of pictures or a list of texts, one collection or two side by side.

import { bytes, count, duration, make, percent } from "./elements.js";

/** Return a picture that can be opened, or the text of an item that has none. */
function face(item, open) {
  const inside = item.thumbnail
    ? make("img", { src: item.thumbnail, alt: item.texts[0] ?? item.id, loading: "lazy", decoding: "async" })
    : make("span", { class: "words" }, item.texts[0] ?? item.id);
  return make("button", { type: "button", class: "open", onclick: open, "aria-label": item.texts[0] ?? item.id }, inside);
}

function measures(hit, bits) {
  const near = make("span", { class: "near", title: `${hit.distance} of ${bits} bits differ` });
  near.style.setProperty("--near", `${100 * (1 - hit.distance / bits)}%`);
  const sure = hit.probability === null || hit.probability === undefined
    ? null
    : make("span", { class: "sure", title: "How probably it is relevant" }, percent(hit.probability));
  return make("p", { class: "measures" }, near,
    make("span", { class: "bits" }, `${hit.distance} ${hit.distance === 1 ? "bit" : "bits"}`), sure);
}

/** Return one result; `on.open` and `on.more` take the item. */
export function card(item, on, bits, { shared = false, words = false } = {}) {
  const more = make("button", { type: "button", class: "more", title: "More like this (m)", onclick: () => on.more(item) },
    "more like this");
  const made = make(
    "li",
    { class: words ? "hit line" : "hit", "data-id": item.id },
    make("div", { class: "frame" }, face(item, () => on.open(item)), words ? null : more),
    make("div", { class: "about" },
      make("p", { class: "caption" }, (words ? item.texts.join(" ") : item.texts[0]) || item.id),
      item.distance === undefined ? null : measures(item, bits),
      words ? more : null),
  );
  if (shared) made.append(make("span", { class: "shared", title: "Found in both" }, "both"));
  for (const kind of ["mouseenter", "mouseleave", "focusin", "focusout"]) {
    made.addEventListener(kind, () => on.point?.(item.id, kind === "mouseenter" || kind === "focusin"));
  }
  return made;
}

/** Return a list of results. */
export function grid(items, on, bits, options = {}) {
  const shared = options.shared ?? new Set();
  return make("ol", { class: options.words ? "texts" : "pictures" },
    ...items.map((item) => card(item, on, bits, { words: options.words, shared: shared.has(item.id) })));
}

/** Return what was found in one collection, or why nothing was. */
export function column(facts, outcome, on, options = {}) {
  const head = options.head ?? null;
  if (outcome.fault) return make("section", { class: "column" }, head, make("p", { class: "fault", role: "alert" }, outcome.fault.message));
  const found = outcome.found;
  const words = found.target === "text";
  return make(
    "section",
    { class: "column", "aria-label": facts.name },
    head,
    found.warning ? make("p", { class: "doubtful" }, found.warning) : null,
    found.doubtful ? make("p", { class: "doubtful" }, "Probably nothing here matches. These are the nearest.") : null,
    found.hits.length
      ? grid(found.hits, on, facts.bits, { words, shared: options.shared })
      : make("p", { class: "nothing" }, found.searched ? "Nothing lies so near. Allow more bits." : "The filter leaves nothing to search."),
  );
}

/** Return what one side of a comparison costs. */
export function cost(facts, outcome) {
  const cell = (name, value, title) => make("div", { title }, make("dt", {}, name), make("dd", {}, value));
  return make("dl", { class: "cost" },
    cell("code", `${facts.bits} bits`, facts.method),
    cell("all codes", bytes(facts.code_bytes), `${count(facts.images)} pictures and ${count(facts.texts)} texts`),
    cell("search", outcome.found ? duration(outcome.found.seconds) : "–", outcome.found ? `with the way there and back ${duration(outcome.found.roundTrip)}` : ""));
}

export function told(facts, found) {
  const what = found.target === "text" ? "texts" : "pictures";
  const of = found.searched === facts[found.target === "text" ? "texts" : "images"] ? "" : " that the filter allows";
  return `${count(found.hits.length)} of ${count(found.searched)} ${what}${of}, in ${duration(found.seconds)}`;
}
