// Elements, numbers as people read them, and pictures made small. Text only ever becomes text: no markup is parsed.

/** Return an element; `on…` are listeners, `class`, `data-…` and `aria-…` attributes, everything else properties. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "list" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const count = (number) => number.toLocaleString("en");

export function bytes(number) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) [number, unit] = [number / 1000, unit + 1];
  return `${unit && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

export function duration(seconds) {
  const milliseconds = 1000 * seconds;
  return milliseconds >= 1000 ? `${seconds.toFixed(1)} s` : `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

export const percent = (share) => `${Math.round(100 * share)} %`;

const LONGEST = 1280; // pixels; no feature extractor looks at more
const PLAIN = 2 << 20; // bytes of a file that is sent as it is

/** Return the base64 of a picture's file; a large picture is drawn smaller first. */
export async function encoded(file) {
  return new Promise(async (resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file.size > PLAIN ? await shrunk(file) : file);
  });
}

async function shrunk(file) {
  const drawn = await createImageBitmap(file).catch(() => null);
  if (!drawn) return file; // the server says what is wrong with it
  const scale = Math.min(1, LONGEST / Math.max(drawn.width, drawn.height));
  const canvas = make("canvas", { width: Math.ceil(drawn.width * scale), height: Math.ceil(drawn.height * scale) });
  const paper = canvas.getContext("2d");
  paper.fillStyle = "white";
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.92));
}
