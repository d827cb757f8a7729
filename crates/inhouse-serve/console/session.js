// The token of whoever uses this tab. It comes from the form or from the address's fragment, which no browser sends anywhere, and
// leaves this tab in the Authorization header alone.

const KEY = "inhouse-token";

/** Takes a token out of `#token=…`, so that neither the address bar nor the history keeps it. */
export function takeFromAddress() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return;
  let token = found[1];
  try {
    token = decodeURIComponent(token);
  } catch {
    // A token with a percent sign of its own.
  }
  history.replaceState(null, "", location.pathname + "#/tasks");
  keep(token);
}

/** @returns {string | null} */
export const token = () => sessionStorage.getItem(KEY);

/** @param {string} token */
export const keep = (token) => sessionStorage.setItem(KEY, token.trim());

export const forget = () => sessionStorage.removeItem(KEY);
