// Requests to the server. Every failure becomes an Error with a message for people.

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Error("No response from the server. Is it still running?");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.error?.message ?? `The server responded with status ${response.status}.`);
  return body;
}

const urlOf = (collection, endpoint) => `/api/collections/${encodeURIComponent(collection)}/${endpoint}`;

export const collections = () => request("/api/collections");
export const sample = (collection, n, seed) => request(urlOf(collection, `sample?n=${n}&seed=${seed}`));
export const fields = (collection) => request(urlOf(collection, "fields"));

/** Search; the result has the time of the round trip beside the time that the server measured. */
export async function search(collection, query, signal) {
  const start = performance.now();
  const found = await request(urlOf(collection, "search"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(query),
    signal,
  });
  return { ...found, roundTrip: (performance.now() - start) / 1000 };
}
