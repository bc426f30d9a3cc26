// The address: `#/page?key=value`. What a page shows stands here, so that a view can be kept and sent.

const TOKEN = "penstock-token";

function read(): { page: string; params: Record<string, string> } {
  const text = location.hash.replace(/^#\/?/, "");
  const [page, query] = text.split("?", 2);
  return { page: page || "home", params: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

function takeToken(): void {
  const match = /^#token=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (!match) return;
  try {
    localStorage.setItem(TOKEN, match[1]);
  } catch {
    memory = match[1];
  }
  history.replaceState(null, "", "#/home");
}

let memory = "";
takeToken();

export const route = $state(read());

window.addEventListener("hashchange", () => {
  takeToken();
  Object.assign(route, read());
});

export function token(): string {
  try {
    return localStorage.getItem(TOKEN) ?? memory;
  } catch {
    return memory;
  }
}

function address(page: string, params: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ""));
  const text = query.toString();
  return `#/${page}${text ? `?${text}` : ""}`;
}

// A link to another page keeps the run in view.
export function link(page: string, params: Record<string, string> = {}): string {
  return address(page, route.params.run ? { run: route.params.run, ...params } : params);
}

export function go(page: string, params: Record<string, string> = {}): void {
  location.hash = link(page, params);
}

// Keep what a page shows in its address without a new step in the browser's history.
export function keep(changes: Record<string, string | number | null | undefined>): void {
  const params = { ...route.params };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") delete params[key];
    else params[key] = String(value);
  }
  route.params = params;
  history.replaceState(null, "", address(route.page, params));
}
