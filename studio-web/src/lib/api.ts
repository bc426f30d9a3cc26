import { token } from "./route.svelte";

export interface Job {
  id: string;
  task: string;
  title: string;
  state: "queued" | "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number;
  note: string;
  elapsed_s: number;
  left_s: number | null;
  error: string;
}

export const GONE = "The server does not answer. Is `penstock studio` still running? When it runs again, open the address that it prints.";

function gone(): never {
  throw new Error(GONE);
}

const held = new Map<string, Promise<any>>();
let open = 0;

// The page is marked as waiting while an answer is on its way, for tools that look at it.
function asked(address: string, options?: RequestInit): Promise<any> {
  const mark = (change: number): void => {
    open += change;
    document.documentElement.toggleAttribute("data-waiting", open > 0);
  };
  mark(1);
  return fetch(address, options).catch(gone).then(answer).finally(() => mark(-1));
}

async function answer(response: Response): Promise<any> {
  const body = await response.json().catch(() => ({ detail: response.statusText }));
  if (response.ok) return body;
  const detail = body?.detail;
  throw new Error(typeof detail === "string" ? detail : Array.isArray(detail) ? detail.map(told).join("; ") : `${response.status}`);
}

function told(item: { loc?: unknown[]; msg?: string }): string {
  return `${(item.loc ?? []).slice(1).join(".")}: ${item.msg ?? ""}`;
}

// Reads once; a run's answers do not change while its name stays the same.
export function get(path: string, fresh = false): Promise<any> {
  const known = held.get(path);
  if (known && !fresh) return known;
  const told = asked(`/api${path}`);
  held.set(path, told);
  told.catch(() => held.delete(path));
  return told;
}

export async function send(method: "POST" | "DELETE", path: string, body?: unknown): Promise<any> {
  const headers: Record<string, string> = { "x-penstock-token": token() };
  if (body !== undefined) headers["content-type"] = "application/json";
  return asked(`/api${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

export async function upload(file: File): Promise<any> {
  const headers = { "x-penstock-token": token(), "content-type": "text/csv" };
  return asked("/api/exposures", { method: "POST", headers, body: file });
}

// Follow a job; resolves with its result.
export function follow(id: string, tell: (job: Job) => void): Promise<any> {
  return new Promise((resolve, reject) => {
    const events = new EventSource(`/api/jobs/${id}/events`);
    events.onmessage = (event) => {
      const job: Job = JSON.parse(event.data);
      tell(job);
      if (job.state === "done") {
        events.close();
        get(`/jobs/${id}/result`, true).then(resolve, reject);
      } else if (job.state === "failed" || job.state === "cancelled") {
        events.close();
        reject(new Error(job.state === "cancelled" ? "cancelled" : job.error));
      }
    };
    events.onerror = () => {
      events.close();
      reject(new Error(GONE));
    };
  });
}
