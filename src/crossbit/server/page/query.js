// The query: its parts and options, as shown in the form, sent to the server, and kept in the URL.

import { encoded, make } from "./elements.js";

const WEIGHTS = [1, 0.5, -0.5, -1];
const SIGNS = { 1: "+", 0.5: "+½", "-0.5": "−½", "-1": "−" };
const byId = (id) => document.getElementById(id);

export class Query {
  /** `changed` is called whenever the query has changed. */
  constructor(changed) {
    this.parts = [];
    this.changed = changed;
    this.words = byId("words");
    this.words.addEventListener("input", () => this.show());
  }

  get empty() {
    return !this.parts.length && !this.words.value.trim();
  }

  get target() {
    return document.querySelector('input[name="target"]:checked').value;
  }

  set target(value) {
    document.querySelector(`input[name="target"][value="${value}"]`).checked = true;
  }

  add(part) {
    this.parts.push({ weight: 1, ...part });
    this.show();
  }

  /** Replace the whole query with one part. */
  only(part) {
    this.clear();
    this.add(part);
  }

  addWords() {
    const value = this.words.value.trim();
    if (!value) return;
    this.words.value = "";
    this.add({ kind: "text", value });
  }

  addPicture(file) {
    if (this.parts.length >= 16) return;
    this.add({ kind: "image", value: file.name || "picture", file, address: URL.createObjectURL(file) });
  }

  clear() {
    this.parts.forEach((part) => part.address && URL.revokeObjectURL(part.address));
    this.parts = [];
    this.words.value = "";
    this.show();
  }

  show() {
    byId("parts").replaceChildren(...this.parts.map((part, row) => this.chip(part, row)));
    byId("add").hidden = !this.words.value.trim();
    this.words.placeholder = this.parts.length ? "and …" : "Describe it, or drop a picture";
  }

  chip(part, row) {
    const turn = () => {
      part.weight = WEIGHTS[(WEIGHTS.indexOf(part.weight) + 1) % WEIGHTS.length];
      this.show();
      byId("parts").children[row].querySelector("button").focus();
      this.changed();
    };
    const drop = () => {
      if (part.address) URL.revokeObjectURL(part.address);
      this.parts.splice(row, 1);
      this.show();
      this.words.focus();
      this.changed();
    };
    const name = part.kind === "like" ? `like ${part.value}` : part.value;
    const address = part.address ?? part.thumbnail;
    return make(
      "li",
      { class: part.weight < 0 ? "part minus" : "part" },
      make("button", { type: "button", class: "sign", title: "Weight of this part", onclick: turn,
        "aria-label": `Weight of ${name}: ${part.weight}; change` }, SIGNS[part.weight] ?? String(part.weight)),
      address ? make("img", { src: address, alt: "" }) : null,
      make("span", { title: name }, name),
      make("button", { type: "button", class: "drop", title: "Remove", "aria-label": `Remove ${name}`, onclick: drop }, "×"),
    );
  }

  /** Return the request for the server. */
  async request() {
    const parts = await Promise.all(this.parts.map(async (part) => {
      if (part.kind !== "image") return { [part.kind]: part.value, weight: part.weight };
      part.encoded ??= await encoded(part.file);
      return { image: part.encoded, weight: part.weight };
    }));
    if (this.words.value.trim()) parts.push({ text: this.words.value.trim() });
    const radius = byId("radius").value;
    return {
      parts,
      target: this.target,
      k: Number(byId("k").value),
      radius: radius === "" ? null : Math.trunc(Number(radius)),
      where: byId("where").value.trim(),
    };
  }

  /** Write the query to URL parameters; pictures of this device are left out. */
  write(parameters) {
    const put = (name, value) => value && parameters.set(name, value);
    put("q", this.words.value.trim());
    for (const part of this.parts) {
      if (part.kind !== "image") parameters.append("part", `${part.kind}:${part.weight}:${part.value}`);
    }
    put("in", this.target);
    put("where", byId("where").value.trim());
    put("within", byId("radius").value);
    if (byId("k").value !== "24") put("k", byId("k").value);
  }

  read(parameters) {
    this.clear();
    this.words.value = parameters.get("q") ?? "";
    for (const written of parameters.getAll("part")) {
      const [, kind, weight, value] = /^(text|like):([^:]*):(.*)$/s.exec(written) ?? [];
      if (value && WEIGHTS.includes(Number(weight))) this.parts.push({ kind, value, weight: Number(weight) });
    }
    const target = parameters.get("in");
    this.target = ["image", "text"].includes(target) ? target : "";
    byId("where").value = parameters.get("where") ?? "";
    byId("radius").value = parameters.get("within") ?? "";
    byId("k").value = parameters.get("k") ?? "24";
    if (!byId("k").value) byId("k").value = "24";
    this.show();
  }
}
