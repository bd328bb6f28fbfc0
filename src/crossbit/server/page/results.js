// Results: a grid of pictures or a list of texts, of one collection or two side by side.

import { bytes, count, duration, make, percent } from "./elements.js";

/** Return a button with the picture of an item, or with its text if it has none. */
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
    : make("span", { class: "sure", title: "Probability of relevance" }, percent(hit.probability));
  return make("p", { class: "measures" }, near,
    make("span", { class: "bits" }, `${hit.distance} ${hit.distance === 1 ? "bit" : "bits"}`), sure);
}

/** Return one result; `on.open` and `on.more` are called with the item. */
export function card(item, on, bits, { shared = false, words = false } = {}) {
  const more = make("button", { type: "button", class: "more", title: "More like this (m)", onclick: () => on.more(item) },
    "More like this");
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

/** Return the results of one collection, or the error. */
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
    found.doubtful ? make("p", { class: "doubtful" }, "Probably nothing matches. These are the nearest items.") : null,
    found.hits.length
      ? grid(found.hits, on, facts.bits, { words, shared: options.shared })
      : make("p", { class: "nothing" }, found.searched ? "No item is within this distance. Allow more bits." : "No item passes the filter."),
  );
}

/** Return the cost of one side of a comparison. */
export function cost(facts, outcome) {
  const cell = (name, value, title) => make("div", { title }, make("dt", {}, name), make("dd", {}, value));
  return make("dl", { class: "cost" },
    cell("code", `${facts.bits} bits`, facts.method),
    cell("all codes", bytes(facts.code_bytes), `${count(facts.images)} pictures and ${count(facts.texts)} texts`),
    cell("search", outcome.found ? duration(outcome.found.seconds) : "–", outcome.found ? `${duration(outcome.found.roundTrip)} including the network` : ""));
}

export function summary(facts, found) {
  const kind = found.target === "text" ? "texts" : "pictures";
  const of = found.searched === facts[found.target === "text" ? "texts" : "images"] ? "" : " that pass the filter";
  return `${count(found.hits.length)} of ${count(found.searched)} ${kind}${of}, in ${duration(found.seconds)}`;
}
