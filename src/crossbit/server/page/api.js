// The server as this page knows it. Every failure becomes an Error whose message is for people.

async function asked(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Error(answer?.error?.message ?? `The server answered ${response.status}.`);
  return answer;
}

const of = (collection, what) => `/api/collections/${encodeURIComponent(collection)}/${what}`;

export const collections = () => asked("/api/collections");
export const sample = (collection, n, seed) => asked(of(collection, `sample?n=${n}&seed=${seed}`));
export const fields = (collection) => asked(of(collection, "fields"));

/** Search, and tell how long the round trip took beside what the server itself measured. */
export async function search(collection, question, signal) {
  const start = performance.now();
  const found = await asked(of(collection, "search"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(question),
    signal,
  });
  return { ...found, roundTrip: (performance.now() - start) / 1000 };
}
