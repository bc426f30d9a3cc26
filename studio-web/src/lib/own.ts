// The world with the edits of the tray in it: companies and ties of one's own, and what was taken out.
import { YOU, type Edit } from "./studio.svelte";

// Kinds along which money runs from the provider to the receiver; on the others the receiver pays.
const FUNDING = ["equity", "warrant", "loan", "vendor_financing", "guarantee", "revenue_share", "acquisition"];

export const payerOf = (tie: any): string => (FUNDING.includes(tie.kind) ? tie.provider_id : tie.receiver_id);
export const payeeOf = (tie: any): string => (FUNDING.includes(tie.kind) ? tie.receiver_id : tie.provider_id);

export function withTray(network: any, edits: Edit[]): any {
  if (!network || !edits.length) return network;
  const entries = (table: string): any[] => edits.filter((edit) => edit.table === table).map((edit) => edit.entry);
  const figures = entries("figure");
  const gone = new Set(entries("remove").flatMap((entry) => [entry.tie, entry.company].filter(Boolean)));
  const companies = [
    ...network.companies.filter((company: any) => !gone.has(company.id)).map((company: any) => withFigures(company, figures)),
    ...entries("company").map((entry) => ({
      id: entry.id,
      name: entry.name,
      full_name: entry.name,
      layer: entry.layer,
      roles: entry.roles,
      country: entry.country ?? null,
      rating: entry.rating ?? null,
      grade: "F",
      own: true,
      opening: entry.opening ?? {},
      figures: entry.opening?.revenue ? { revenue: { value: entry.opening.revenue, grade: "F", date: "", source: "" } } : {},
    })),
  ];
  const ties = [
    ...network.ties.filter((tie: any) => !gone.has(tie.id) && !gone.has(tie.provider_id) && !gone.has(tie.receiver_id)),
    ...entries("tie").map((entry) => ({ amount_usd_bn: null, annual_usd_bn: null, note: "from the tray, in no run before it is run", ...entry, grade: "F", own: true })),
  ];
  return { ...network, companies, ties };
}

// Main figures of a company as the tray sets them.
function withFigures(company: any, entries: any[]): any {
  const mine = entries.filter((entry) => entry.company === company.id && company.figures[entry.metric]);
  if (!mine.length) return company;
  const set = Object.fromEntries(mine.map((entry) => [entry.metric, { ...company.figures[entry.metric], value: entry.value, grade: entry.source_id ? company.figures[entry.metric].grade : "F" }]));
  return { ...company, figures: { ...company.figures, ...set } };
}

// Rows of a company's figures with those of the tray in their place: what stood before is told beside it.
export function figuresWithTray(rows: any[], company: string, edits: Edit[]): any[] {
  const mine = edits.filter((edit) => edit.table === "figure" && edit.entry.company === company).map((edit) => edit.entry);
  const set = (entry: any, row: any): any => ({
    ...row,
    metric: entry.metric,
    value: entry.value,
    low: entry.low ?? entry.value,
    high: entry.high ?? entry.value,
    grade: entry.source_id ? row.grade : "F",
    source_id: entry.source_id ?? "",
    basis: entry.source_id ? row.basis : "your assumption",
    entered_by: YOU,
    note: entry.why ?? "",
    was: row.value ?? null,
    kept: { source_id: row.source_id, grade: row.grade },
    own: true,
  });
  const known = rows.map((row) => {
    const entry = mine.find((one) => one.metric === row.metric);
    return entry ? set(entry, row) : row;
  });
  const fresh = mine.filter((entry) => !rows.some((row) => row.metric === entry.metric));
  return [...known, ...fresh.map((entry) => set(entry, { unit: entry.metric === "employees" ? "count" : "usd_bn", kind: "", period_end: null }))];
}

// The card of a company that stands in the tray alone.
export function ownCard(company: any, ties: any[], notice: string): any {
  const side = (mine: string, other: string): any[] =>
    ties.filter((tie) => tie[mine] === company.id).map((tie) => ({ ...tie, other_party: tie[other], counts: "tray" }));
  const figures = Object.entries(company.opening).map(([metric, value]) => ({ metric, value, unit: "usd_bn", period_end: null, grade: "F", source_id: "", basis: "yours", kind: "opening", note: "typed in this studio", entered_by: YOU }));
  return { company: { ...company, name: company.full_name }, figures, ties_in: side("receiver_id", "provider_id"), ties_out: side("provider_id", "receiver_id"), sites: [], notice };
}
