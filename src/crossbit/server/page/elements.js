// Elements, number formats and downscaled pictures. Text is never parsed as markup.

/** Return an element; `on…` are listeners, `class`, `data-…` and `aria-…` are attributes, all else is properties. */
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
const PLAIN = 2 << 20; // bytes; larger files are downscaled

/** Return the base64 of a picture file; a large picture is downscaled first. */
export async function encoded(file) {
  return new Promise(async (resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read.`));
    reader.readAsDataURL(file.size > PLAIN ? await downscaled(file) : file);
  });
}

async function downscaled(file) {
  const drawn = await createImageBitmap(file).catch(() => null);
  if (!drawn) return file; // the server reports the error
  const scale = Math.min(1, LONGEST / Math.max(drawn.width, drawn.height));
  const canvas = make("canvas", { width: Math.ceil(drawn.width * scale), height: Math.ceil(drawn.height * scale) });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawn, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file), "image/jpeg", 0.92));
}
