// What all pages share: colours, the run in view, jobs, the tray of edits, the open card.
import { follow, get, send, type Job } from "./api";
import { go, keep, route, token } from "./route.svelte";
import { spaced } from "./words";

export const shared = $state({
  dark: false,
  status: null as any,
  runs: [] as any[],
  jobs: {} as Record<string, Job>,
  notice: "",
  said: "",
  card: null as any,
  problem: "",
});

const system = matchMedia("(prefers-color-scheme: dark)");

function wanted(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

shared.dark = wanted();
system.addEventListener("change", () => (shared.dark = wanted()));

export function toggleTheme(): void {
  const next = wanted() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("penstock-theme", next);
  } catch {
    // the choice lasts as long as the page
  }
  shared.dark = wanted();
}

export const say = (text: string): void => {
  shared.said = text;
};

export async function refreshRuns(): Promise<void> {
  const found = await get("/runs", true);
  shared.runs = found.runs;
}

export const finished = (): any[] => shared.runs.filter((run) => run.state === "finished");

// A workspace may hold runs of several worlds; a page shows one.
export const elsewhere = (run: any): boolean => Boolean(run && shared.status && run.world !== shared.status.world);

// The run in view: the one in the address, else the latest of the world that is shown.
export function currentRun(): string {
  const asked = route.params.run;
  if (asked) return asked;
  return (shared.status && finished().find((run) => !elsewhere(run))?.run) || "";
}

let lastSaid = 0;

function keepJob(job: Job): void {
  shared.jobs[job.id] = job;
  // told aloud at steps of a tenth, not five times a second
  const tenth = job.total ? Math.floor((10 * job.done) / job.total) : 0;
  if (tenth !== lastSaid) {
    lastSaid = tenth;
    if (job.state === "running") say(`${job.title}: ${10 * tenth}% done`);
  }
  if (job.state === "done") say(`${job.title}: done`);
  if (job.state === "cancelled") say(`${job.title}: cancelled`);
}

export function watch(job: Job): Promise<any> {
  keepJob(job);
  return follow(job.id, keepJob).finally(refreshRuns);
}

export async function start(request: Record<string, unknown>): Promise<{ job: Job; result: Promise<any> }> {
  if (!token()) throw new Error("This tab has no token: open the address that `penstock studio` printed in the terminal.");
  const job: Job = await send("POST", "/jobs", request);
  return { job, result: watch(job) };
}

export const cancel = (id: string): Promise<any> => send("DELETE", `/jobs/${id}`);

// Take up again the jobs that ran before a reload.
export async function reattach(): Promise<void> {
  const { jobs } = await get("/jobs", true);
  for (const job of jobs as Job[]) {
    if (job.state === "running" || job.state === "queued") watch(job).catch(() => undefined);
  }
}

// The tray: edits of the world and switches, with undo; kept in the address.
export interface Edit {
  table: "change" | "event" | "tie" | "remove" | "company" | "figure" | "switch";
  label: string;
  entry: any; // one table of a file; of a knob over time, one a step
}

function stored(): Edit[] {
  try {
    return JSON.parse(route.params.edits ?? "[]");
  } catch {
    return [];
  }
}

export const tray = $state({ edits: stored(), undone: [] as Edit[] });

window.addEventListener("hashchange", () => {
  if (route.params.edits) tray.edits = stored();
});

const LONGEST_ADDRESS = 1800;

function remember(): void {
  const text = JSON.stringify(tray.edits);
  keep({ edits: tray.edits.length && text.length < LONGEST_ADDRESS ? text : null });
}

export function addEdit(edit: Edit): void {
  tray.edits = [...tray.edits, edit];
  tray.undone = [];
  remember();
  say(`${edit.label}: in the tray, ${tray.edits.length} edits`);
}

// A figure has one value: a later edit takes the place of the one before.
export function setFigure(label: string, entry: Record<string, any>): void {
  const other = (edit: Edit): boolean => !(edit.table === "figure" && edit.entry.company === entry.company && edit.entry.metric === entry.metric);
  tray.edits = tray.edits.filter(other);
  addEdit({ table: "figure", label, entry });
}

export const YOU = "you, in the tray of this studio";

export function undo(): void {
  const last = tray.edits.at(-1);
  if (!last) return;
  tray.edits = tray.edits.slice(0, -1);
  tray.undone = [...tray.undone, last];
  remember();
  say(`Undone: ${last.label}`);
}

export function redo(): void {
  const last = tray.undone.at(-1);
  if (!last) return;
  tray.undone = tray.undone.slice(0, -1);
  tray.edits = [...tray.edits, last];
  remember();
}

export function dropEdit(index: number): void {
  tray.undone = [...tray.undone, tray.edits[index]];
  tray.edits = tray.edits.filter((_, place) => place !== index);
  remember();
}

// Scenario tables of the tray, in the keys of a scenario file.
export function trayTables(edits: Edit[]): Record<string, any> {
  const tables: Record<string, any> = {};
  for (const edit of edits) {
    if (edit.table === "switch") tables.switch = { ...tables.switch, ...edit.entry };
    else tables[edit.table] = [...(tables[edit.table] ?? []), ...[edit.entry].flat()];
  }
  return tables;
}

// What edits are put on: a scenario of the library by its name, or one of one's own by the text that its run keeps.
export interface Base {
  name: string;
  text: string;
}

async function baseOf(wanted: string, run: string): Promise<Base> {
  const { scenarios } = await get("/scenarios");
  if (scenarios.some((s: any) => s.name === wanted)) return { name: wanted, text: "" };
  const found = run ? await fetch(`/api/runs/${encodeURIComponent(run)}/scenario/${encodeURIComponent(wanted)}`) : null;
  if (!found?.ok) throw new Error(`scenario: found ${wanted}, which is neither of the library nor of a run in view; expected one of them`);
  return { name: wanted, text: await found.text() };
}

export async function trayFile(wanted = "baseline", run = currentRun()): Promise<any> {
  const base = await baseOf(wanted, run);
  const on = base.text ? { base: base.text } : { extends: base.name };
  const found = await send("POST", "/scenarios/text", { name: "edited_world", title: `${spaced(base.name)}, edited in the studio`, ...on, ...trayTables(tray.edits) });
  return { ...found, base };
}

// What is in the tray beside its base, on the same random numbers; leads to the report of both.
export async function runTray(wanted = "baseline", run = currentRun()): Promise<void> {
  const { base, text } = await trayFile(wanted, run);
  const { result } = await start({ task: "simulate", scenarios: [base.text ? { text: base.text } : { name: base.name }, { text }], paths: 256 });
  go("report", { run: (await result).run });
}

export function removeTies(ties: string[]): void {
  for (const tie of ties) {
    if (!tray.edits.some((edit) => edit.table === "remove" && edit.entry.tie === tie)) addEdit({ table: "remove", label: `without ${tie}`, entry: { tie } });
  }
}

export async function removeAndRerun(ties: string[], base = "baseline", run = currentRun()): Promise<void> {
  try {
    removeTies(ties);
    await runTray(base, run);
  } catch (error) {
    fail(error);
  }
}

export const openCard = (card: any): void => {
  shared.card = card;
};

export function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  if (text !== "cancelled") shared.problem = text;
}

export function save(name: string, content: string, type: string): void {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob([content], { type }));
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
