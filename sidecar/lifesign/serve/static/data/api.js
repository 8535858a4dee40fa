// Requests to the API of the sidecar.

const SCHEMA = 1;

export class ApiError extends Error {}

export const address = (key, part = "") => `api/v1/processes/${encodeURIComponent(key)}${part ? `/${part}` : ""}`;

/** The data at an address. Throws an `ApiError` that says why there is none. */
export async function read(path) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout?.(10000) });
  } catch {
    throw new ApiError("the sidecar does not answer");
  }
  if (response.status === 404) throw new ApiError("there is no such process any more");
  if (!response.ok) throw new ApiError(`the sidecar refused: ${response.status}`);
  const { schema, data } = await response.json();
  if (schema !== SCHEMA) throw new ApiError("the sidecar is another version now: reload the page");
  return data;
}

/** Asks a process for a dump, or for a run of its checks. Throws as `read`. */
export const ask = (key, action) => post(address(key, action));

/** Presses a button of the sample service. Throws as `read`. */
export const press = (letter) => post(`api/v1/demo/${encodeURIComponent(letter)}`);

async function post(path) {
  let response;
  try {
    response = await fetch(path, { method: "POST", headers: { "X-Lifesign": "1" } });
  } catch {
    throw new ApiError("the sidecar does not answer");
  }
  if (response.ok) return;
  throw new ApiError(await refusal(response));
}

async function refusal(response) {
  try {
    const { what, hint } = await response.json();
    return hint ? `${what}; try: ${hint}` : what;
  } catch {
    return `refused (${response.status})`;
  }
}
