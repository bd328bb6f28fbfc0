// Keyboard shortcuts: arrows move between results on the screen, letters are for frequent actions.

const byId = (id) => document.getElementById(id);

function step(key) {
  const hits = [...document.querySelectorAll(".hit .open")];
  const at = hits.indexOf(document.activeElement);
  if (at < 0) return hits[0]?.focus();
  const beside = { ArrowLeft: at - 1, ArrowRight: at + 1 }[key];
  if (beside !== undefined) return hits[beside]?.focus();
  const down = key === "ArrowDown";
  const here = hits[at].getBoundingClientRect();
  const before = hits.filter((hit) => {
    const { top, left } = hit.getBoundingClientRect();
    return Math.abs(left - here.left) < here.width / 2 && (down ? top > here.top + 9 : top < here.top - 9);
  });
  const next = down ? before[0] : before.at(-1);
  if (next) next.focus();
  else if (!down) byId("words").focus();
}

/** Listen to keys; `on.compare` and `on.clear` are the actions of two of them. */
export function listen(on) {
  const letters = {
    "/": () => byId("words").focus(),
    "?": () => byId("hints").showModal(),
    c: on.compare,
    m: () => document.activeElement.closest(".hit")?.querySelector(".more").click(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("dialog") || event.altKey || event.metaKey || event.ctrlKey) return;
    if (event.key === "Escape") return on.clear();
    const typing = event.target.closest("input, select, textarea");
    if (typing && !(event.target.id === "words" && event.key === "ArrowDown")) return;
    const act = event.key.startsWith("Arrow") ? () => step(event.key) : letters[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
